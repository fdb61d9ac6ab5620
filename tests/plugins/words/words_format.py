"""A made-up format of several files in a folder, as a plug-in brings it.

``config.json`` says ``{"words": true, "context": 64}``, ``data/list.txt`` has the words, and
``data/vocabulary.txt`` their letters.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ingle.errors import BadModelFile
from ingle.models.facts import Facts
from ingle.models.format import WEIGHTS, ChosenFiles

CONFIG_LIMIT = 1 << 16
NEEDED = ((WEIGHTS, "data/list.txt"), ("vocabulary", "data/vocabulary.txt"))


class WordsFormat:
    name = "words"

    def choose(self, names: Sequence[str]) -> list[ChosenFiles]:
        found = []
        for name in sorted(names):
            folder, slash, last = name.rpartition("/")
            files = [(role, f"{folder}{slash}{file}") for role, file in NEEDED]
            if last == "config.json" and all(file in names for _, file in files):
                found.append(ChosenFiles(folder or "words", (*files, ("config", name))))
        return found

    def read(self, files: Sequence[tuple[str, Path]]) -> Facts:
        by_role = dict(files)
        with by_role["config"].open("rb") as file:
            text = file.read(CONFIG_LIMIT)
        try:
            config = json.loads(text)
        except ValueError as error:
            raise BadModelFile(f"config.json: {error}", path=str(by_role["config"])) from None
        if config["words"] is not True:  # a KeyError, if it isn't there: an odd error
            raise BadModelFile("config.json is not one of words", path=str(by_role["config"]))
        return Facts(
            architecture="list",
            abilities=["complete"],
            tensor_bytes=by_role[WEIGHTS].stat().st_size,
            licence=str(config.get("licence", "")),
        )


WORDS = WordsFormat()
