"""Parquet and Arrow files, batch by batch, through pyarrow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingle.errors import EngineMissing
from ingle.training.examples.example import RowPosition
from ingle.training.examples.row import Row

BATCH = 256
"""Rows in memory at once."""


def read_parquet(path: Path) -> Iterator[Row]:
    """The rows of a Parquet file.

    Raises:
        InvalidRequest: it is none, or a part of it is damaged; names the row.
        EngineMissing: pyarrow is not installed.
        OSError: the file cannot be read.
    """
    arrow = _pyarrow()
    import pyarrow.parquet as parquet

    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH):
                for values in batch.to_pylist():
                    number += 1
                    yield Row(RowPosition(number, path.name, "row"), _without_nulls(values))
    except (arrow.ArrowException, OSError) as error:
        raise _damaged(path, number, error) from None


def read_arrow(path: Path) -> Iterator[Row]:
    """The rows of an Arrow file, in the stream or the file format. Raises as `read_parquet`."""
    arrow = _pyarrow()
    number = 0
    try:
        with arrow.memory_map(str(path)) as source:
            magic = source.read(6)
            source.seek(0)
            if magic == b"ARROW1":
                file = arrow.ipc.open_file(source)
                batches = (file.get_batch(at) for at in range(file.num_record_batches))
            else:
                batches = iter(arrow.ipc.open_stream(source))
            for batch in batches:
                for start in range(0, batch.num_rows, BATCH):
                    for values in batch.slice(start, BATCH).to_pylist():
                        number += 1
                        yield Row(RowPosition(number, path.name, "row"), _without_nulls(values))
    except (arrow.ArrowException, OSError) as error:
        raise _damaged(path, number, error) from None


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.ipc
    except ImportError:
        raise EngineMissing(
            "Parquet and Arrow files need pyarrow, which the core installation does not include",
            hint="pip install 'ingle[train]'",
        ) from None
    return pyarrow


def _damaged(path: Path, number: int, error: Exception) -> Exception:
    return RowPosition(number + 1, path.name, "row").bad(f"cannot be read ({error})")


def _without_nulls(value: Any) -> Any:
    """Structs without their empty fields: a column gives every message all fields of any."""
    if isinstance(value, dict):
        return {name: _without_nulls(v) for name, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
