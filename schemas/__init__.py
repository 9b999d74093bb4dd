"""What the data is: contracts of the columns and the tables at rest."""
