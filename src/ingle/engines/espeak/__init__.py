"""espeak-ng: the voice that is always there, in more than a hundred languages."""
