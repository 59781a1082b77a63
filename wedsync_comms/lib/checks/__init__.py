"""What `manage.py check --deploy` says of the surroundings; docs/operating.md has the table."""
