"""What Google answers: Calendar API v3 and People API v1."""
