"""Arrays in the host's memory."""
