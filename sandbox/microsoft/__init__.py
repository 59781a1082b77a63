"""Microsoft: the identity platform and the calendar and contacts of Graph v1.0."""
