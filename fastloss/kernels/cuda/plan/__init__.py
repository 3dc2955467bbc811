"""Which kernel a call needs on a GPU."""
