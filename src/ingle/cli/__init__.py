"""The command line: one module per noun, one output sink."""
