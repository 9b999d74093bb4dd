"""Proposing a vendor's form from a sample of its file: what the file is, and which column is what, with reasons."""
