"""The CUDA backend's kernels: the same definitions and ports as on the CPU, with templates and a compiler of their own.

Importing this needs numba-cuda, compiling also its toolkit, and only launching a driver.
"""
