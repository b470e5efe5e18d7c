"""Grey, toned or in colour."""
