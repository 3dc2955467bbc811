"""What a loss is, apart from arrays."""
