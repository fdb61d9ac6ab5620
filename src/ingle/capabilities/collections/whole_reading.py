"""A document that is longer than a context: notes of each part, then an answer from the notes.

A part is read once: its note is kept in memory by what was asked of whom, so that a question that
was interrupted goes on where it was, and one about a document that has grown reads what is new.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from ingle.errors import InvalidRequest
from ingle.operations import Event, Status

LONGEST = 200_000
"""Tokens of what is read for one question."""
NOTE = 192
"""Tokens of the note of a part."""
KEPT = 2000
"""Notes that are kept."""
NOTHING = "Nothing."
HOW = f"""Write down in a few short sentences what these passages say that helps with the task.
Behind each sentence, put the number of its passage in brackets. If they say nothing that helps,
write only: {NOTHING}"""

Ask = Callable[[str], Awaitable[str]]
"""Has a model answer a prompt, in `NOTE` tokens."""


class PartNotes:
    """Notes by a hash of model and prompt, those that were used last."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, str] = OrderedDict()

    def get(self, model: str, prompt: str) -> str | None:
        """A note that was made before."""
        key = _key(model, prompt)
        if key not in self._known:
            return None
        self._known.move_to_end(key)
        return self._known[key]

    def put(self, model: str, prompt: str, note: str) -> None:
        """Keep a note."""
        self._known[_key(model, prompt)] = note
        while len(self._known) > KEPT:
            self._known.popitem(last=False)

    async def close(self) -> None:
        """Forget all."""
        self._known.clear()


def _key(model: str, prompt: str) -> str:
    return hashlib.sha256(f"{model}\n{prompt}".encode()).hexdigest()


def packed(tokens: Sequence[int], room: int) -> list[range]:
    """Which of a row of texts are read together: as many as fit, each at least by itself."""
    parts, first, held = list[range](), 0, 0
    for at, count in enumerate(tokens):
        if at > first and held + count > room:
            parts.append(range(first, at))
            first, held = at, 0
        held += count
    return [*parts, range(first, len(tokens))] if tokens else []


def check_length(tokens: Sequence[int]) -> None:
    """Raises InvalidRequest: it is more than is read for one question."""
    if sum(tokens) > LONGEST:
        raise InvalidRequest(
            f"places: {sum(tokens):,} tokens are to be read whole; {LONGEST:,} is the limit",
            hint="ask without --whole, or name fewer files with --in",
            field="places",
        )


async def noted(
    texts: Sequence[str],
    tokens: Sequence[int],
    room: int,
    task: str,
    model: str,
    notes: PartNotes,
    ask: Ask,
) -> AsyncGenerator[Event | str, None]:
    """The notes of all parts, each as it is there, and how far it is."""
    parts = packed(tokens, room)
    for number, part in enumerate(parts):
        yield Status(
            state="prompt", detail=f"part {number + 1} of {len(parts)}",
            completed=sum(tokens[: part.start]), total=sum(tokens),
        )  # fmt: skip
        shown = "\n".join(texts[at] for at in part)
        prompt = f"{shown}\n\n{HOW}\n\nTask: {task}"
        note = notes.get(model, prompt)
        if note is None:
            note = await ask(prompt)
            notes.put(model, prompt, note)
        if note.strip().rstrip(".").lower() != NOTHING.rstrip(".").lower():
            yield note.strip()
