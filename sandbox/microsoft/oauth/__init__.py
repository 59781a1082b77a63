"""The identity platform's endpoints."""
