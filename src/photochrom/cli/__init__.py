"""cli: to be told."""
