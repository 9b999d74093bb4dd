"""The review page: what a browser is shown, and which browser."""
