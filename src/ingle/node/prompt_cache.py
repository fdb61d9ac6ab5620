"""`PromptCache`: what models have read of long prompts, on the disk, for after a restart.

Reading a long prompt is most of the wait for an answer's first word. What a model has made of one
of the owner's (the KV cache of a slot) is kept sealed (`sealed_file`), and put back into a slot
before a request whose prompt begins alike. Which part of it is reused, the engine decides by the
tokens: what is looked up here is only worth a try. Why it is so: docs/adr/0026.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from ingle.errors import StorageError
from ingle.node.sealed_file import CHUNK, KEY_BYTES, SealedWriter, chunks
from ingle.operations.encoded import UNREADABLE

log = logging.getLogger(__name__)

KEY_FILE = "prompts.key"
FOLDER = "prompts"
ENDING = ".prompt"
LONGEST_HEAD = CHUNK
LARGEST_SHARE = 4
"""One entry may have this part of the whole."""


class EntryHead(msgspec.Struct, frozen=True, kw_only=True):
    """What is sealed in front of an entry."""

    domain: str
    """Of which model, engine and options it is; in no other is it used."""
    digest: str
    """Of the model, with which the entry goes."""
    chain: list[bytes]
    """Hashes of the prompt's beginnings, a `PromptText` block longer each."""
    tokens: int
    prompt_s: float
    """What reading the prompt took."""


class KeptPrompt(msgspec.Struct, kw_only=True):
    """One prompt that is kept."""

    path: Path
    head: EntryHead
    size: int
    used: float


class PromptCache:
    """The kept prompts of one node.

    Args:
        state: the state directory, where the key lies.
        models: the folder of the models, where the prompts lie.
        limit: bytes of all entries; 0: none is kept.
        age_s: seconds after which an entry that was not used goes; negative: never.
    """

    def __init__(self, state: Path, models: Path, limit: int, age_s: float) -> None:
        self._key_file = state / KEY_FILE
        self._root = models / FOLDER
        self._limit = limit
        self._age_s = age_s
        self._found: list[KeptPrompt] | None = None
        self._key_bytes = b""

    @property
    def on(self) -> bool:
        """Prompts are kept."""
        return self._limit > 0

    @property
    def largest(self) -> int:
        """Bytes that one entry may have."""
        return self._limit // LARGEST_SHARE

    @property
    def size(self) -> int:
        """Bytes of all entries."""
        return sum(entry.size for entry in self._entries())

    @property
    def is_read(self) -> bool:
        """What there is, is known: asking for it does not touch the disk."""
        return self._found is not None or not self.on

    def read_heads(self) -> None:
        """Read from the disk what there is."""
        self._entries()

    def best(self, domain: str, chain: Sequence[bytes]) -> tuple[KeptPrompt, int] | None:
        """The entry that begins most like a prompt, and how many blocks are alike."""
        if not self.on:
            return None
        self._forget_old()
        found = [
            (entry, common(entry.head.chain, chain))
            for entry in self._entries()
            if entry.head.domain == domain
        ]
        return max(found, key=lambda pair: pair[1], default=None)

    def read(self, entry: KeptPrompt) -> Iterator[bytes]:
        """The bytes of an entry, chunk by chunk. One that is damaged goes.

        Raises:
            StorageError: it is damaged or cannot be read.
        """
        try:
            parts = chunks(entry.path, self._key())
            if next(parts, None) is None:
                raise StorageError(f"{entry.path} is empty", hint="ingle prune")
            yield from parts
            entry.used = time.time()
            os.utime(entry.path)
        except (StorageError, OSError) as error:
            self.drop(entry, str(error))
            raise StorageError(str(error), hint="ingle prune") from error

    def writer(self, head: EntryHead) -> EntryWriter:
        """Begin an entry.

        Raises:
            OSError: it cannot be written.
        """
        self._entries()  # known before there is one more
        folder = self._folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"{secrets.token_hex(8)}{ENDING}"
        return EntryWriter(self, SealedWriter(path, self._key()), path, head)

    def added(self, path: Path, head: EntryHead, size: int) -> None:
        """An entry is whole: others go that it leaves no room for, or that begin it."""
        entries = self._entries()
        for old in list(entries):
            same = old.head.domain == head.domain
            if same and common(old.head.chain, head.chain) == len(old.head.chain):
                self.drop(old)
        entries.append(KeptPrompt(path=path, head=head, size=size, used=time.time()))
        for old in sorted(entries, key=lambda entry: entry.used):
            if self.size <= self._limit:
                break
            self.drop(old)

    def drop(self, entry: KeptPrompt, why: str = "") -> None:
        """Remove one entry.

        Args:
            why: what is wrong with it, for the log.
        """
        if why:
            log.warning("a kept prompt is dropped: %s", why)
        self._entries().remove(entry)
        entry.path.unlink(missing_ok=True)

    def clear(
        self, digests: Sequence[str] | None = None, *, dry_run: bool = False
    ) -> list[KeptPrompt]:
        """Remove all entries, or those of models that are not among these.

        Returns:
            What was removed, or would be.
        """
        entries = self._entries()
        gone = [entry for entry in entries if digests is None or entry.head.digest not in digests]
        if not dry_run:
            for entry in gone:
                self.drop(entry)
        return gone

    def _entries(self) -> list[KeptPrompt]:
        if self._found is None:
            self._found = []
            if self._key_file.exists():
                self._found.extend(self._heads())
        return self._found

    def _heads(self) -> Iterator[KeptPrompt]:
        folder = self._folder()
        for part in folder.glob("*.part"):  # of a node that was killed
            part.unlink(missing_ok=True)
        for path in folder.glob(f"*{ENDING}"):
            try:
                data = next(chunks(path, self._key()))
                head = msgspec.msgpack.decode(data, type=EntryHead)
                found = path.stat()
            except (StorageError, OSError, StopIteration, *UNREADABLE) as error:
                log.warning("a kept prompt is dropped: %s", error)
                path.unlink(missing_ok=True)
                continue
            yield KeptPrompt(path=path, head=head, size=found.st_size, used=found.st_mtime)

    def _forget_old(self) -> None:
        if self._age_s < 0:
            return
        for entry in list(self._entries()):
            if time.time() - entry.used > self._age_s:
                self.drop(entry)

    def _folder(self) -> Path:
        # Nodes with a key of their own may share the folder of the models.
        return self._root / hashlib.sha256(self._key()).hexdigest()[:16]

    def _key(self) -> bytes:
        if not self._key_bytes:
            self._key_bytes = self._read_key()
        return self._key_bytes

    def _read_key(self) -> bytes:
        try:
            descriptor = os.open(self._key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            key = self._key_file.read_bytes()
            if len(key) == KEY_BYTES:
                return key
            log.warning("%s is damaged, and is made again", self._key_file)
            self._key_file.unlink()
            return self._read_key()
        with os.fdopen(descriptor, "wb") as file:
            file.write(key := secrets.token_bytes(KEY_BYTES))
        return key


class EntryWriter:
    """Writes one entry. `finish` it, or `drop` it."""

    def __init__(
        self, cache: PromptCache, writer: SealedWriter, path: Path, head: EntryHead
    ) -> None:
        self._cache = cache
        self._writer = writer
        self._path = path
        self._head = head
        self.empty = True
        writer.add(msgspec.msgpack.encode(head))

    def add(self, data: bytes) -> None:
        """The next bytes.

        Raises:
            StorageError: the entry is larger than one may be.
        """
        for at in range(0, len(data), CHUNK):
            self._writer.add(data[at : at + CHUNK])
        self.empty = self.empty and not data
        if self._writer.size > self._cache.largest:
            raise StorageError(
                f"what was read of a prompt takes more than {self._cache.largest} bytes",
                hint="ingle config set prompt_cache 8GiB",
            )

    def finish(self) -> None:
        """It is whole."""
        self._writer.finish()
        self._cache.added(self._path, self._head, self._writer.size)

    def drop(self) -> None:
        """It is not to be kept."""
        self._writer.drop()


def common(first: Sequence[bytes], second: Sequence[bytes]) -> int:
    """How many hashes two chains begin with alike."""
    return next(
        (at for at, (a, b) in enumerate(zip(first, second, strict=False)) if a != b),
        min(len(first), len(second)),
    )
