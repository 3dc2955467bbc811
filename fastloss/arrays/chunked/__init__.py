"""A loss of Dask's arrays: a lazy result, computed block by block with serial kernels.

Each block gives its part of the sum in float64 and its part of the derivatives, in one task. Means divide by a number
that is known beforehand, or that a graph of its own adds up over weights and labels: scores are read once, and no block
waits for all others. Only the derivatives of the root of a mean wait for that mean. Derivatives have the chunks of
their input. What is wrong is raised when a block is computed, and says which.
"""
