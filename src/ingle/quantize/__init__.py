"""Files of models in fewer bits: which tensor gets which type, and the rounding itself."""
