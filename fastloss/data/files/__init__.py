"""Files: what rows are read from, in chunks of bounded memory, and what they are written to, whole or not at all."""
