"""When the work is done: batch jobs, one verb a file."""
