"""Messages and docs are plain English: every message is listed, and none has a phrase to avoid."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]

# What CONTRIBUTING's page on style asks to write differently. Texts are compared in lower case.
AVOIDED = (
    r"\bso many\b", r"\bgo(es|ing)? on\b", r"\bwent on\b", r"\bmend(s|ed|ing)?\b", r"\bnear: ",
    r"(?<!there )\b(is|are) no (?!longer\b|more than\b|part\b)[a-z]+\b", r"\banew\b",
    r"\b(will|does) not do\b(?! )", r"\bbroke off\b", r"\bvanished\b", r"\bruns already\b",
    r"\balready runs\b", r"\bnobody\b", r"\bsomebody\b", r"\bwhoever\b", r"\blearnt\b",
    r"\bnot any more\b", r"\bat hand\b", r"\bthe like\b", r"\bwherein\b", r"\bthereof\b",
)  # fmt: skip


@pytest.fixture
def message_list(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    return importlib.import_module("message_list")


def avoided_in(text: str) -> list[str]:
    return [found[0] for phrase in AVOIDED for found in re.finditer(phrase, text.lower())]


def test_the_list_has_every_error_and_hint(message_list: ModuleType) -> None:
    messages = message_list.messages()
    kinds = {message.kind for message in messages}
    assert {"help", "note", "log", "hint", "done", "InvalidRequest", "GrantRefused"} <= kinds
    assert len(messages) > 900


def test_no_message_has_a_phrase_to_avoid(message_list: ModuleType) -> None:
    found = [
        f"{message.path}:{message.line}: {phrases} in {message.text!r}"
        for message in message_list.messages()
        if (phrases := avoided_in(message.text))
    ]
    assert not found, "\n".join(found)


def test_no_page_has_a_phrase_to_avoid() -> None:
    pages = [
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "docs/guide").rglob("*.md"),
        *(ROOT / "docs/explanation").glob("*.md"),
        *(ROOT / "docs/reference").glob("*.md"),
        *(ROOT / name for name in ("README.md", "AGENTS.md", "CHANGELOG.md")),
    ]
    found = [
        f"{path.relative_to(ROOT)}:{number}: {phrases}"
        for path in pages
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (phrases := avoided_in(line))
    ]
    assert not found, "\n".join(found)
