"""The executor for torch: CUDA, ROCm, XPU, MPS and the CPU."""
