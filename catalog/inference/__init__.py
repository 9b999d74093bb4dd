"""A bundle at work: from an item to inputs, to scores, to what is kept of a prediction. No torch in here."""
