"""The command line, its demo, and what runs ahead of time."""
