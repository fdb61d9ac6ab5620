"""`Source`: the files of a data set, by split, and their examples one by one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from ingle.errors import InvalidRequest
from ingle.training.examples import comma_separated, json_array, json_lines, tables, text_file
from ingle.training.examples.example import Example
from ingle.training.examples.folder import SUFFIXES, cached, splits_of
from ingle.training.examples.form import Columns, example
from ingle.training.examples.preference import Preference, preference
from ingle.training.examples.question import Question, question
from ingle.training.examples.row import Row

TRAIN, VALIDATION = "train", "validation"
_READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".jsonl": json_lines.read,
    ".ndjson": json_lines.read,
    ".csv": comma_separated.read,
    ".tsv": comma_separated.read,
    ".parquet": tables.read_parquet,
    ".arrow": tables.read_arrow,
}


class Source:
    """A data set: a file, a folder, or one of the local cache.

    Args:
        splits: name of each split and its files, in order.
        columns: what columns are called, where they are not as `form` knows them.
    """

    def __init__(
        self, name: str, splits: dict[str, list[Path]], columns: Columns | None = None
    ) -> None:
        self.name = name
        self.splits = splits
        self._columns = columns or Columns()
        self._first_seen: dict[Path, tuple[int, int, int]] = {}

    @classmethod
    def find(cls, what: str | Path, columns: Columns | None = None) -> Source:
        """What lies at a path, or is cached under a name (``OWNER/NAME[:CONFIG]``).

        Raises:
            InvalidRequest: nothing does, or it holds no examples that can be read.
        """
        path = Path(what).expanduser()
        try:
            if path.is_file():
                return cls(path.name, {TRAIN: [path]}, columns)
            if path.is_dir():
                return cls(path.name, splits_of(path), columns)
        except OSError as error:
            raise InvalidRequest(f"{path}: {error.strerror}", field="data") from None
        return cls(str(what), splits_of(cached(str(what))), columns)

    def split(self, name: str = "") -> str:
        """The split of a name; the training one, or the only one, if none is named.

        Raises:
            InvalidRequest: there is no such split.
        """
        if name in self.splits:
            return name
        if not name and TRAIN in self.splits:
            return TRAIN
        if not name and len(self.splits) == 1:
            return next(iter(self.splits))
        raise InvalidRequest(
            f"{self.name} has no split {name or TRAIN!r}; there are: {', '.join(self.splits)}",
            hint=f"--split {next(iter(self.splits))}",
            field="split",
        )

    def checks(self, split: str, own: Source | None) -> tuple[Source, str] | None:
        """Where the rows to check on are, and their split; None: some are to be set apart.

        Args:
            split: of these data, which is trained on.
            own: data that were named for it.
        """
        if own is not None:
            return own, VALIDATION if VALIDATION in own.splits else ""
        if VALIDATION in self.splits and split != VALIDATION:
            return self, VALIDATION
        return None

    def questions(self, split: str = "") -> Iterator[Question]:
        """The prompts of a split, one by one, for runs that learn from rewards.

        Raises:
            InvalidRequest: a row is not a prompt (names file and row), or there are none at all.
        """
        return (question(row, self._columns) for row in self._rows(split))

    def preferences(self, split: str = "") -> Iterator[Preference]:
        """The pairs of answers of a split, one by one.

        Raises:
            InvalidRequest: a row is not a pair (names file and row), or there are none at all.
        """
        return (preference(row, self._columns) for row in self._rows(split))

    def examples(self, split: str = "") -> Iterator[Example]:
        """The examples of a split, one by one; no file is ever whole in memory.

        Raises:
            InvalidRequest: a row is not an example (names file and row), or there are none at all.
        """
        return (example(row, self._columns) for row in self._rows(split))

    def _rows(self, split: str) -> Iterator[Row]:
        found = False
        for path in self.splits[self.split(split)]:
            try:
                for row in self._unchanged(path):
                    found = True
                    yield row
            except OSError as error:
                raise InvalidRequest(f"{path}: {error.strerror}", field="data") from None
        if not found:
            raise InvalidRequest(f"{self.name} contains no examples", field="data")

    def _unchanged(self, path: Path) -> Iterator[Row]:
        """The rows of a file that is as it was when it was read first: it is read several times.

        Raises:
            InvalidRequest: it has changed, or a row is wrong.
        """
        first = self._first_seen.setdefault(path, _version(path))
        try:
            yield from _reader(path)(path)
        except InvalidRequest:
            if _version(path) == first:
                raise
        if _version(path) != first:
            raise _changed(path)

    def sha256(self, split: str = "") -> str:
        """Hash of a split: that of its file, or of the hashes of its files in order.

        Raises:
            InvalidRequest: a file has changed since it was read.
        """
        hashes = []
        for path in self.splits[self.split(split)]:
            if _version(path) != self._first_seen.get(path, _version(path)):
                raise _changed(path)
            with path.open("rb") as file:
                hashes.append(hashlib.file_digest(file, "sha256").hexdigest())
        if len(hashes) == 1:
            return hashes[0]
        return hashlib.sha256("".join(hashes).encode()).hexdigest()


def _reader(path: Path) -> Callable[[Path], Iterator[Row]]:
    suffix = path.suffix.lower()
    if suffix not in (".parquet", ".arrow"):
        text_file.check(path)
    if suffix == ".json":
        return json_array.read if json_array.is_array(path) else json_lines.read
    if suffix not in _READERS:
        raise InvalidRequest(
            f"{path.name}: unsupported file type; supported: {', '.join(SUFFIXES)}",
            field="data",
        )
    return _READERS[suffix]


def _changed(path: Path) -> InvalidRequest:
    return InvalidRequest(
        f"{path.name} changed while it was read",
        hint="run the command again when the file is complete",
        field="data",
        file=path.name,
    )


def _version(path: Path) -> tuple[int, int, int]:
    """What a file has another one of when it is written or replaced."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
