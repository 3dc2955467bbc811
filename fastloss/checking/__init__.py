"""What is wrong with a loss, and where: its definition against itself in many digits."""
