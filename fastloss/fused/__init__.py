"""Losses of arrays that never exist whole."""
