"""evaluation: to be told."""
