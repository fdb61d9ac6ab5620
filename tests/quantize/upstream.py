"""llama.cpp's own quantising, through a shared libllama: what ours is compared with.

``python -m tests.quantize.upstream PATH/libllama.so`` records which type it gives to each tensor of
each shape; `make llama-server` fetches one.
"""

from __future__ import annotations

import ctypes
import itertools
import json
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ingle.quantize.file_types import BASE_TYPES, file_type_number
from ingle.quantize.imatrix_file import Imatrix
from tests.quantize.shapes import SHAPES, made_up_imatrix, write_shape

RECORDED = Path(__file__).with_name("layouts.json")
_TOLD = re.compile(
    r"\[ *\d+/ *\d+\] +(?P<name>\S+) +- \[[^\]]*\], type = +(?P<kind>\S+), "
    r"size = +[\d.]+ MiB(?: -> +[\d.]+ MiB \((?P<new>\S+)\))?"
)
_LAYER = re.compile(r"blk\.\d+\.")
_Log = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)


class _Entry(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char_p), ("data", ctypes.c_void_p), ("size", ctypes.c_size_t))


class _Parameters(ctypes.Structure):
    """``llama_model_quantize_params`` of llama.h, with room behind for what newer ones add."""

    _fields_ = (
        *((name, ctypes.c_int32) for name in ("threads", "file_type", "output", "embedding")),
        *((name, ctypes.c_bool) for name in (
            "allow_requantize", "quantize_output", "only_copy", "pure", "keep_split", "dry_run",
        )),
        *((name, ctypes.c_void_p) for name in ("imatrix", "metadata", "types", "pruned")),
        ("buffer", ctypes.c_size_t),
        ("rest", ctypes.c_byte * 64),
    )  # fmt: skip


class Upstream:
    """A libllama."""

    def __init__(self, library: Path) -> None:
        self._library = ctypes.CDLL(str(library))
        self._library.llama_model_quantize_default_params.restype = _Parameters
        self._library.llama_model_quantize.argtypes = [
            ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(_Parameters),
        ]  # fmt: skip
        self._library.llama_model_quantize.restype = ctypes.c_uint32
        self._told: list[str] = []
        self._log = _Log(lambda _, text, __: self._told.append(text.decode("utf-8", "replace")))
        self._library.llama_log_set(self._log, None)

    def quantize(
        self, source: Path, out: Path, file_type: str, imatrix: Imatrix | None = None
    ) -> None:
        """Write ``out`` as llama-quantize does, also from what is quantised already."""
        self._run(source, out, file_type, imatrix, dry_run=False)

    def layout(
        self, source: Path, file_type: str, imatrix: Imatrix | None = None
    ) -> dict[str, str]:
        """The type that each tensor would get."""
        told = self._run(source, source.with_suffix(".out"), file_type, imatrix, dry_run=True)
        return {
            found["name"]: (found["new"] or found["kind"]).upper() for found in _TOLD.finditer(told)
        }

    def _run(
        self, source: Path, out: Path, file_type: str, imatrix: Imatrix | None, *, dry_run: bool
    ) -> str:
        self._told.clear()
        asked = self._library.llama_model_quantize_default_params()
        asked.threads, asked.file_type = 1, file_type_number(file_type)
        asked.allow_requantize, asked.dry_run = True, dry_run
        kept = []
        if imatrix is not None:
            entries = (_Entry * (len(imatrix.entries) + 1))()
            for place, (name, found) in enumerate(imatrix.entries.items()):
                values = np.ascontiguousarray(found.importance.reshape(-1))
                kept.append((name.encode(), values))
                entries[place] = _Entry(kept[-1][0], values.ctypes.data, values.size)
            asked.imatrix = ctypes.addressof(entries)
        failed = self._library.llama_model_quantize(
            str(source).encode(), str(out).encode(), ctypes.byref(asked)
        )
        told = "".join(self._told)
        if failed:
            raise RuntimeError(told[-500:])
        return told


def summary(layout: Mapping[str, str], file_type: str) -> dict[str, str]:
    """A layout in short: for each kind of tensor its types by layer, without those that all get the
    file type's own."""
    kinds: dict[str, list[str]] = {}
    for name in sorted(layout, key=_place):
        kinds.setdefault(_LAYER.sub("", name), []).append(layout[name])
    return {
        kind: " ".join(f"{len(list(same))}x{each}" for each, same in itertools.groupby(types))
        for kind, types in sorted(kinds.items())
        if set(types) != {BASE_TYPES[file_type]}
    }


def _place(name: str) -> int:
    found = re.search(r"\d+", name)
    return int(found[0]) if found else -1


def main() -> None:
    """Record."""
    upstream = Upstream(Path(sys.argv[1]))
    recorded: dict[str, dict[str, dict[str, str]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, shape in SHAPES.items():
            source = write_shape(Path(folder) / f"{name}.gguf", shape)
            imatrix = made_up_imatrix(source)
            for file_type, weighted in itertools.product(BASE_TYPES, (False, True)):
                try:
                    layout = upstream.layout(source, file_type, imatrix if weighted else None)
                except RuntimeError:  # rows for which it has no type in place of this one
                    continue
                key = f"{file_type} with imatrix" if weighted else file_type
                recorded.setdefault(name, {})[key] = summary(layout, file_type)
    RECORDED.write_text(json.dumps(recorded, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
