"""Google: OAuth 2.0, Calendar API v3 and People API v1, from their public documents."""
