"""What engines that transcribe share: from a recording, or live sound, to `transcribe`'s events.

An engine has a `Recogniser`; everything around it (decoding, voice activity, windows, several at
once, cancelling) is here.
"""
