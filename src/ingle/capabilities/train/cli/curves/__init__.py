"""Loss curves of training runs: in the terminal, as SVG, and as PNG."""
