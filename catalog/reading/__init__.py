"""From a delivered file in any format to rows, and from rows to the columns a mapping names."""
