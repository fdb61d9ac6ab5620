"""Writes ``espeak.espeak.json``, the voices of espeak-ng: ``python -m recipes.espeak FILE``.

The file lies in ``src/ingle/models/embedded``; a test compares it with what this would write. The
first voice is the one that speaks where no one says.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ingle.engines.espeak.espeak_library import espeak

FIRST = "en-us"
WITHOUT_DICTIONARY = ("fo", "kaa", "xex")
"""Listed by espeak-ng 1.52, but their dictionaries are not among its data."""


def text() -> str:
    """The file's content."""
    found = [voice for voice in espeak().voices() if voice.name not in WITHOUT_DICTIONARY]
    voices = sorted(found, key=lambda voice: (voice.name != FIRST, voice.name))
    rows = [
        json.dumps({"name": voice.name, "title": voice.title}, ensure_ascii=False)
        for voice in voices
    ]
    body = ",\n    ".join(rows)
    return f'{{\n  "licence": "GPL-3.0-or-later",\n  "voices": [\n    {body}\n  ]\n}}\n'


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(text(), encoding="utf-8")
