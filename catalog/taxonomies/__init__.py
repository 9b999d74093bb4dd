"""The category hierarchy: its forms as files, its versions at rest, what changes between two of them."""
