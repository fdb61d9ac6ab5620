"""Sound: from files to samples and back, and where someone speaks in it. Used inside workers.

Everywhere here sound is mono, float32 between -1 and 1, at `samples.RATE` samples per second.
"""
