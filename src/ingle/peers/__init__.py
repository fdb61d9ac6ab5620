"""Paired devices: who they are, what they may, how they are reached, what they do for us.

Nothing here runs until the owner pairs with someone (or asks who is near):
an unpaired node opens no port and contacts no one.
"""
