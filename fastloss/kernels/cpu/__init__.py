"""How kernels are made, kept and run on the CPU."""
