"""What Meta's Cloud API answers."""
