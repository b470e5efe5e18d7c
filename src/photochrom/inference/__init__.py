"""inference: to be told."""
