"""What a test or a person may do at Microsoft's side."""
