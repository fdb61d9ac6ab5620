"""Piper: small neural voices in more than forty languages. GPL-3, so in a process of its own."""
