"""Dialects: pure translation between what clients speak and what a node performs.

Each dialect parses a body into an operation and formats the operation's events
as the client expects them. No I/O, no clock, no randomness: identifiers and
times are arguments, so that every byte can be tested.
"""
