"""Loops over losses that are there: what is said of all of them, and of each group of them."""
