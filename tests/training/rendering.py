"""A renderer with an engine of its own, in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ingle.capabilities.tokenize.operation import Tokenize, Tokenized
from ingle.engines.engine import LoadSpec
from ingle.engines.llama.engine import LlamaEngine
from ingle.models.gguf import read_header
from ingle.operations import Event
from ingle.training.rendering import Renderer
from ingle.training.vocabulary import Vocabulary


@contextmanager
def renderer_of(base: Path, **how: Any) -> Iterator[Renderer]:
    """That of a base, as the process that trains has it.

    Args:
        how: as `Renderer`.
    """
    session = LlamaEngine().open(
        LoadSpec(
            engine="llama", model="base", files={"weights": [str(base)]}, slots=1, threads=1,
            options={"context": 1024},
        )
    )  # fmt: skip

    async def ask(question: Tokenize) -> Tokenized:
        found: list[Event] = []
        session.perform(question, found.append)
        (answer,) = [event for event in found if isinstance(event, Tokenized)]
        return answer

    template = bool(read_header(base).metadata.get("tokenizer.chat_template"))
    try:
        yield Renderer(ask, model="base", template=template, end=Vocabulary.of(base).end, **how)
    finally:
        session.close()
