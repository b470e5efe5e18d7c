"""image: to be told."""
