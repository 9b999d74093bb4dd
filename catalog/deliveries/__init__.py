"""What arrives and what becomes of it: the inbox, copies, facts appended, taken back, checked and reported."""
