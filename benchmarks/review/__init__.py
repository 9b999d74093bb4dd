"""What the loop of review, audit and retraining achieves, simulated with the product's own functions."""
