"""Where files are: `FILES_URL` as Django's settings, and a folder that keeps what it was given."""
