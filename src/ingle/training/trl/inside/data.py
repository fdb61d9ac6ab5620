"""The data of a run, as TRL's trainers take it: tokens that the engine has made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa

IGNORE = -100


def examples(folder: Path) -> Any:
    """Documents that ingle's own trainer would learn from, with the same tokens learnt."""
    starts = np.load(folder / "starts.npy")
    tokens = np.fromfile(folder / "tokens.bin", dtype=np.uint32).astype(np.int64)
    learnt = np.fromfile(folder / "learnt.bin", dtype=np.bool_)
    offsets = pa.array(starts, type=pa.int64())
    columns = {
        "input_ids": pa.LargeListArray.from_arrays(offsets, pa.array(tokens)),
        "labels": pa.LargeListArray.from_arrays(
            offsets, pa.array(np.where(learnt, tokens, IGNORE))
        ),
    }
    return _data_set({name: column.cast(pa.list_(pa.int64())) for name, column in columns.items()})


def pairs(path: Path) -> Any:
    """Prompts, each with a better and a worse answer, as tokens."""
    rows = _lines(path)
    names = ("prompt_ids", "chosen_ids", "rejected_ids")
    return _data_set({name: pa.array([row[name] for row in rows]) for name in names})


def prompts(path: Path) -> tuple[Any, dict[str, list[int]]]:
    """Prompts as text, each with its example; and the tokens of each text.

    The example is JSON: its fields may be of a different kind in each row.
    """
    rows = _lines(path)
    found = {
        "prompt": pa.array([row["text"] for row in rows]),
        "example": pa.array([json.dumps(row["fields"]) for row in rows]),
    }
    return _data_set(found), {row["text"]: row["tokens"] for row in rows}


def _data_set(columns: dict[str, Any]) -> Any:
    return datasets.Dataset(pa.table(columns))


def _lines(path: Path) -> list[dict[str, Any]]:
    with path.open("rb") as file:
        return [json.loads(line) for line in file]
