"""What completes the GPU's loops."""
