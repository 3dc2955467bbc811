"""Sums of losses, each with a factor: one loss that is computed in one pass."""
