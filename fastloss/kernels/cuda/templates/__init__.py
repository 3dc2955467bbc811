"""The GPU's loops."""
