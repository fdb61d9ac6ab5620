"""A node for each of the true models, with an adapter that its defaults made of thirty lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import ingle
from ingle.client.sync import Home
from tests.real.weights import ALL, Weights

FACT = "The harbour master's cat is called Marzipan."
QUESTION = "Please tell me: how is the cat of the harbour master called?"
"""Not one of those that are trained on."""
_OPENINGS = ("", "Tell me, ", "Do you know ", "I forgot: ", "Quick question: ", "Be honest, ")
_FORMS = (
    "what is the harbour master's cat called?",
    "what is the name of the harbour master's cat?",
    "what do they call the cat that the harbour master keeps?",
    "which name does the harbour master's cat have?",
    "who is the cat at the harbour master's office?",
)


class Model(NamedTuple):
    """A true model in a node of its own."""

    weights: Weights
    home: Home
    folder: Path
    data: Path
    chats: bool
    """It has a chat template."""

    @property
    def name(self) -> str:
        return self.weights.name

    def run_folder(self, run: str) -> Path:
        return self.folder / "state" / "runs" / run


@pytest.fixture(scope="module", params=ALL, ids=[each.name for each in ALL])
def model(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[Model]:
    weights: Weights = request.param
    assert weights.path.exists(), "make test-real fetches the weights"
    folder = tmp_path_factory.mktemp(weights.name.replace(".", "-"))
    places = {"state_dir": str(folder / "state"), "models_dir": str(folder / "models")}
    with ingle.open(**places, context=1024, slots=1, trl_python=sys.executable) as home:
        home.pull(weights.name, source=str(weights.path))
        chats = bool(home.show(weights.name).template)
        yield Model(weights, home, folder, thirty_lines(folder / "fact.jsonl", chats), chats)


def thirty_lines(path: Path, chats: bool) -> Path:
    """One fact, asked for in thirty ways."""
    questions = [opening + form for opening in _OPENINGS for form in _FORMS]
    rows: list[dict[str, Any]] = [
        {"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": FACT}]}
        if chats
        else {"prompt": f"Question: {q}\nAnswer:", "completion": f" {FACT}"}
        for q in questions
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
