"""From what a vendor wrote in a cell to one form of it, and the rule that refuses what has none."""
