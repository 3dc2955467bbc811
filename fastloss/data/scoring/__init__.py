"""`score`: the losses of a source of any size, and what is to be said of them."""
