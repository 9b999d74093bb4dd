"""What analysts ask: one statement a file, read as package data."""
