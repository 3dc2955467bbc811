"""Which kernel a call needs."""
