"""The world over a restart: one SQLite file, written a moment after each change."""
