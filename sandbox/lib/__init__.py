"""What every vendor's folder is built with: clocks, paces, shelves, faults and settings."""
