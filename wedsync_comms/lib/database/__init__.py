"""PostgreSQL and SQLite: settings, checks, connections, and indexes made while others work."""
