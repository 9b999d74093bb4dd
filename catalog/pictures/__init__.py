"""From what a row names to a picture that is safe to decode: files, archives, URLs behind a guard, a cache."""
