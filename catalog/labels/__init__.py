"""Products whose category is known: read from files, joined into products, divided among the splits."""
