"""What a test or a person may do at Google's side."""
