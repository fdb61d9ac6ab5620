"""A small cross-encoder: it reads a query together with a passage, and says whether they fit."""
