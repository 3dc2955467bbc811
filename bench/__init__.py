"""Measurements: fastloss beside the libraries that people use now. See README.md for the commands."""
