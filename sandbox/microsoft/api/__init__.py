"""What Graph v1.0 answers."""
