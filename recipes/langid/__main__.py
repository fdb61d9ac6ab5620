"""Writes ``langid.langid.json``, the languages of py3langid: ``python -m recipes.langid FILE``.

The file lies in ``src/ingle/models/embedded``; a test compares it with what this would write.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from py3langid.langid import MODEL_FILE, LanguageIdentifier

NO_LANGUAGE = "zxx"


def text() -> str:
    """The file's content."""
    labels = {str(label) for label in LanguageIdentifier.from_model_file(MODEL_FILE).labels}
    return (
        json.dumps({"licence": "BSD-3-Clause", "languages": sorted(labels - {NO_LANGUAGE})}) + "\n"
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(text(), encoding="utf-8")
