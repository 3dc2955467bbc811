"""The array libraries whose arrays live on a GPU."""
