"""Contents of files: written to Django's storage, read, moved there, and removed when nobody uses
them."""
