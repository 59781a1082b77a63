"""What Google knows: people, calendars, contacts, grants and channels."""
