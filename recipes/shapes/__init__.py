"""A tiny model that sees: it answers questions about drawn shapes."""
