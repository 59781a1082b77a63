"""What Microsoft knows: mailboxes and their history, tokens and subscriptions."""
