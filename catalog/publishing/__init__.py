"""What others may read: the published file, its views, the pages, answers to SQL."""
