"""Leases: of a process on a job (`process_lease`), and on rows of a table (`row_lease`)."""
