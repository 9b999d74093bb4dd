"""What must hold in every workspace at any time, and who finds out when it does not."""
