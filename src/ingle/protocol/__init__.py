"""The framed protocol that a node speaks over any byte stream.

Workers, local clients and (later) peers all use it: `frames` says what goes
over the wire, `connection` performs and answers operations over it.
"""
