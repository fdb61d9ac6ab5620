"""`Metainfo`: the BitTorrent v2 description of one file, a function of its bytes alone.

Two people who have the same file make the same metainfo byte by byte, thus the
same infohash, and meet in the same swarm: the name in it is the file's SHA-256,
the piece length follows from the size, and there is no date, creator or tracker.

It has one form only, so reading someone else's needs no bencode parser that
could be fed nesting or huge numbers: one pattern either matches whole or not,
and what is handed to libtorrent is written again from the checked numbers.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from ingle.errors import BadModelFile, IntegrityError
from ingle.models import digest as digests
from ingle.peers.swarm import merkle

SMALLEST_PIECE = 256 << 10
"""Small, because a piece is what a crash costs per source."""
LARGEST_PIECE = 16 << 20
MOST_PIECES = 32768
"""More than that many, and the pieces get longer (from 8 GiB on)."""
LARGEST_FILE = 1 << 42
"""Bytes: 4 TiB."""
LARGEST_METAINFO = 1024 + merkle.HASH * (LARGEST_FILE // LARGEST_PIECE)
"""Bytes of a metainfo: 8 MiB and some."""

_FORM = re.compile(
    rb"d4:infod9:file treed64:(?P<name>[0-9a-f]{64})d0:d6:lengthi(?P<size>[1-9][0-9]{0,12})e"
    rb"11:pieces root32:(?P<root>.{32})eee12:meta versioni2e4:name64:(?P=name)"
    rb"12:piece lengthi(?P<piece>[1-9][0-9]{0,8})ee12:piece layersd"
    rb"(?:32:(?P=root)(?P<length>[1-9][0-9]{0,7}):(?P<layer>.*))?ee",
    re.DOTALL,
)

OnBytes = Callable[[int], None]
"""Told the number of bytes done; may raise, to stop."""


def piece_length(size: int) -> int:
    """The piece length of a file of that many bytes: a rule that everyone shares. Never change it.

    A power of two, 256 KiB for files up to 8 GiB, then doubling with the size up to 16 MiB.
    """
    length = SMALLEST_PIECE
    while length < LARGEST_PIECE and size > length * MOST_PIECES:
        length *= 2
    return length


@dataclasses.dataclass(frozen=True, slots=True)
class Metainfo:
    """The torrent of one file."""

    digest: str
    """``sha256:`` and the hash of the file: our name for it, which the torrent bears, too."""
    size: int
    root: bytes
    """The root of its hash tree."""
    layer: bytes = dataclasses.field(repr=False)
    """The hashes of its pieces; empty if it is no longer than one piece."""

    @property
    def piece_length(self) -> int:
        """Bytes per piece."""
        return piece_length(self.size)

    @property
    def pieces(self) -> int:
        """How many."""
        return -(-self.size // self.piece_length)

    @property
    def infohash(self) -> str:
        """64 hex digits: the name of the swarm."""
        return hashlib.sha256(self._info()).hexdigest()

    def encode(self) -> bytes:
        """The file ``.torrent``."""
        layer = b""
        if self.layer:
            layer = b"32:%b%d:%b" % (self.root, len(self.layer), self.layer)
        return b"d4:info%b12:piece layersd%bee" % (self._info(), layer)

    def _info(self) -> bytes:
        name = digests.hex_part(self.digest).encode()
        return (
            b"d9:file treed64:%bd0:d6:lengthi%de11:pieces root32:%beee"
            b"12:meta versioni2e4:name64:%b12:piece lengthi%dee"
        ) % (name, self.size, self.root, name, self.piece_length)

    @classmethod
    def parse(cls, data: bytes, digest: str, size: int = 0) -> Metainfo:
        """Read a metainfo that came from a stranger.

        What it says of the *contents* cannot be checked before the file is
        there; that is what the file's SHA-256 is for.

        Args:
            digest: Of the file that was asked for.
            size: Of that file; 0 if unknown.

        Raises:
            IntegrityError: it is not exactly what the metainfo of such a file looks like.
        """
        if len(data) > LARGEST_METAINFO:
            raise _bad(digest, f"it has {len(data)} bytes; the limit is {LARGEST_METAINFO}")
        found = _FORM.fullmatch(data)
        if found is None:
            raise _bad(digest, "it is not in the form that ingle writes")
        if found["name"].decode() != digests.hex_part(digest):
            raise _bad(digest, f"it is that of sha256:{found['name'].decode()}")
        length = int(found["size"])
        if length > LARGEST_FILE or size not in (0, length):
            raise _bad(digest, f"it describes {length} bytes" + (f", not {size}" if size else ""))
        if int(found["piece"]) != piece_length(length):
            raise _bad(digest, f"its pieces have {int(found['piece'])} bytes")
        metainfo = cls(digest=digest, size=length, root=found["root"], layer=found["layer"] or b"")
        metainfo._check_layer()
        if metainfo.encode() != data:  # the length of the layer said something else
            raise _bad(digest, "its piece layer has another length than it says")
        return metainfo

    def _check_layer(self) -> None:
        pieces = self.pieces
        if len(self.layer) != (merkle.HASH * pieces if pieces > 1 else 0):
            raise _bad(self.digest, f"its piece layer is not one hash for each of {pieces} pieces")
        if pieces > 1:
            hashes = [self.layer[at : at + 32] for at in range(0, len(self.layer), 32)]
            level = (self.piece_length // merkle.BLOCK).bit_length() - 1
            if merkle.root(hashes, level) != self.root:
                raise _bad(self.digest, "its piece layer does not match its root")


def make(path: Path, digest: str, on_bytes: OnBytes | None = None) -> Metainfo:
    """Read a file through and describe it. For a thread: it takes as long as hashing it twice.

    Raises:
        BadModelFile: the file is not (or no longer) what ``digest`` says, or empty or too large.
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    if not 0 < size <= LARGEST_FILE:
        raise BadModelFile(f"{path} has {size} bytes and cannot be shared", path=str(path))
    length = piece_length(size)
    whole, nodes, done = hashlib.sha256(), [], 0
    leaves: list[bytes] = []
    with path.open("rb", buffering=0) as file:
        buffer = memoryview(bytearray(length))
        while done < size:
            count = _fill(file.readinto, buffer)
            if not count:
                break
            whole.update(buffer[:count])
            leaves = merkle.leaves(buffer[:count])
            if size > length:
                nodes.append(merkle.root(leaves, width=length // merkle.BLOCK))
            done += count
            if on_bytes is not None:
                on_bytes(done)
    found = digests.PREFIX + whole.hexdigest()
    if done != size or found != digest:
        raise BadModelFile(
            f"{path} has changed: it is {found}, not {digest}",
            hint="pull it again",
            path=str(path),
        )
    if size <= length:
        return Metainfo(digest, size, merkle.root(leaves), b"")
    level = (length // merkle.BLOCK).bit_length() - 1
    return Metainfo(digest, size, merkle.root(nodes, level), b"".join(nodes))


def _fill(readinto: Callable[[memoryview], int], buffer: memoryview) -> int:
    """Read until the buffer is full or the file ends: pieces must not be short."""
    done = 0
    while done < len(buffer) and (count := readinto(buffer[done:])):
        done += count
    return done


def _bad(digest: str, why: str) -> IntegrityError:
    return IntegrityError(f"received an invalid metainfo for {digest}: {why}", digest=digest)
