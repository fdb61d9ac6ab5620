"""Tiny translation models in the file format of Firefox's: a network, a corpus, the writer."""
