"""Vectorised elementary functions, written once for float32 and float64."""
