"""Sound: from files to samples and back, where someone speaks in it, text that becomes sound.

Pure, and used inside workers: what a stranger's file or text can do is done to a process of its
own. What is heard is mono, float32 between -1 and 1, at `samples.RATE` samples per second.
"""
