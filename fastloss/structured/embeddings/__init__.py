"""Losses of embeddings: vectors side by side, and all pairs within a batch."""
