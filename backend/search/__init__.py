"""Finding documents by name and text, under permissions."""
