"""Loops with free names, which ports complete."""
