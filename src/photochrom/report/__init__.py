"""report: to be told."""
