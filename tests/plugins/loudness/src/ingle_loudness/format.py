"""The format: a folder with ``loudness.json`` and ``weights/gains.f32``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ingle.errors import BadModelFile
from ingle.models.facts import Facts
from ingle.models.format import ChosenFiles

CONFIG, GAINS = "loudness.json", "weights/gains.f32"
MOST = 1 << 20
"""Bytes of either file that are read."""


class LoudnessFormat:
    """See `ingle.models.format.Format`."""

    name = "loudness"

    def choose(self, names: Sequence[str]) -> list[ChosenFiles]:
        found = []
        for name in names:
            folder, _, last = name.rpartition("/")
            gains = f"{folder}/{GAINS}" if folder else GAINS
            if last == CONFIG and gains in names:
                stem = folder.rpartition("/")[2]
                found.append(ChosenFiles(stem, (("weights", gains), ("config", name))))
        return found

    def read(self, files: Sequence[tuple[str, Path]]) -> Facts:
        by_role = dict(files)
        size = by_role["weights"].stat().st_size
        if size % 4 or not 0 < size <= MOST:
            raise BadModelFile(f"{GAINS} has {size} bytes, which are not numbers of 4 bytes")
        config = by_role["config"]
        try:
            with config.open("rb") as file:
                facts = json.loads(file.read(MOST))
            rate = int(facts["rate"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise BadModelFile(f"{CONFIG}: {error!r}") from None
        return Facts(
            format=self.name,
            architecture="gains",
            parameters=size // 4,
            tensor_bytes=size,
            licence=str(facts.get("licence", "")),
            abilities=["loudness"],
            metadata={"rate": rate},
        )


FORMAT = LoudnessFormat()
