"""Where errors are told: the log, the mail to ADMINS, Sentry."""
