"""A checkpoint of Stable Diffusion's shape with random weights, to measure engines that draw."""
