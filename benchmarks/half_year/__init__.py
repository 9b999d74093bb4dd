"""A drawn retailer's first day, week and half year, through the product's own commands: `python -m benchmarks.half_year`."""
