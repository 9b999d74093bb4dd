"""How the work is done: the library, usable and testable without the command line."""
