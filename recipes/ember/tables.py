"""Tables: the phrases, word lists and functions that tasks are made of, as JSON in `data/`.

The order of a table is part of it, for a random number chooses by place: another byte there is
other training data. So each file is checked against `data/SHA256SUMS` when it is read.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

DATA = Path(__file__).with_name("data")
SUMS = "SHA256SUMS"


@cache
def recorded(folder: Path) -> dict[str, str]:
    lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    return {name: digest for digest, name in (line.split("  ", 1) for line in lines)}


def checked(name: str, folder: Path = DATA) -> bytes:
    content = (folder / name).read_bytes()
    if hashlib.sha256(content).hexdigest() != recorded(folder).get(name):
        raise ValueError(
            f"{folder / name} is not the file whose hash is in {SUMS}, so its training data would "
            f"differ. Restore it with git, or record the change: in {folder}, run "
            f"`find * -type f ! -name {SUMS} | sort | xargs sha256sum > {SUMS}`"
        )
    return content


@cache
def read(name: str) -> Any:
    """The table in data/NAME.json; it is shared, so nobody may change it."""
    return json.loads(checked(f"{name}.json"))


def lists(name: str) -> SimpleNamespace:
    """A table of named lists: `lists("names").places`."""
    return SimpleNamespace(**read(name))
