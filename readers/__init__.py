"""The user's own files, read into a Dataset."""
