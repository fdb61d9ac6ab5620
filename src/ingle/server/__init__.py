"""The HTTP face of a node: one application for its owner, and the server that runs it."""
