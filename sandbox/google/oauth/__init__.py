"""How a person's consent becomes tokens."""
