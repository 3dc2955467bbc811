"""Losses with an algorithm of their own: boxes, default boxes and their matching, MultiBox."""
