"""The hash tree of a file as BitTorrent v2 defines it (BEP 52).

Leaves are the SHA-256 of blocks of 16 KiB; the tree is filled up with leaves of
zeros to a power of two. The nodes that cover one piece each are the *piece
layer*, which travels with the torrent so that every piece can be checked alone.
"""

from __future__ import annotations

import functools
import hashlib

BLOCK = 16 << 10
"""Bytes under one leaf."""
HASH = 32
"""Bytes of one node."""


def root(nodes: list[bytes], level: int = 0, width: int = 0) -> bytes:
    """The root above some neighbouring nodes.

    Args:
        nodes: At least one.
        level: How high above the leaves they are; says what fills the gaps.
        width: Fill up to that many nodes (a power of two); 0: to the next power of two.
    """
    width = width or 1 << (len(nodes) - 1).bit_length()
    while width > 1:
        if len(nodes) % 2:
            nodes = [*nodes, padding(level)]
        nodes = [
            hashlib.sha256(left + right).digest()
            for left, right in zip(nodes[::2], nodes[1::2], strict=True)
        ]
        level, width = level + 1, width // 2
    return nodes[0]


@functools.cache
def padding(level: int) -> bytes:
    """The node so high above leaves that are all filled up."""
    if level == 0:
        return bytes(HASH)
    below = padding(level - 1)
    return hashlib.sha256(below + below).digest()


def leaves(data: bytes | memoryview) -> list[bytes]:
    """The leaves of some blocks; the last block may be short."""
    view = memoryview(data)
    return [hashlib.sha256(view[at : at + BLOCK]).digest() for at in range(0, len(view), BLOCK)]
