"""Checkpoints that draw, by stable-diffusion.cpp."""
