"""batch: to be told."""
