"""`ChatTranslator`: a model that chats, asked for translations line by line."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.translate.operation import Translate
from ingle.engines.engine import Emit
from ingle.engines.stop_signal import StopSignal
from ingle.engines.translators.translation_session import translate
from ingle.operations import Event, Message, Operation, Sampling, Status, Text
from ingle.translation.language_tags import english_name
from ingle.translation.line_fitting import fitted

AT_ONCE = 4
MOST_CHARACTERS = 1200
"""Of a line that is asked for at once."""
LONGEST_ANSWER = 2
"""Tokens for each character of a line, and `SLACK` more: a model that does not end is stopped."""
SLACK = 32
TOLD_EVERY = 8
"""Pieces of an answer between two words that it goes on, at which a cancel is heard."""
_QUOTED = re.compile(r"\A([\"'“„«])(.*)([\"'”“»])\Z", re.DOTALL)


def translate_by_chat(
    operation: Translate,
    perform: Callable[[Operation, Emit], None],
    emit: Emit,
    inbox: str,
) -> None:
    """Perform a translation by what performs chats.

    Args:
        perform: has the model answer, with its events.
        inbox: the folder in which a document lies, under its hash.
    """
    translator = ChatTranslator(operation, perform, emit)
    source, target = operation.source, operation.to
    translate(operation, translator, source, target, emit, StopSignal(), inbox)


class ChatTranslator:
    """See `ingle.engines.translators.translation_session.LineTranslator`."""

    at_once = AT_ONCE

    def __init__(
        self, operation: Translate, perform: Callable[[Operation, Emit], None], emit: Emit
    ) -> None:
        self._operation = operation
        self._perform = perform
        self._emit = emit

    def lines(self, lines: Sequence[str], source: str, target: str, stop: StopSignal) -> list[str]:
        return [self._line(line, source, target) for line in lines]

    def close(self) -> None:
        """Nothing is its own."""

    def _line(self, line: str, source: str, target: str) -> str:
        written = ""
        for part in fitted(line, len, MOST_CHARACTERS):
            written += self._answer(part.text, source, target) + " " * part.space
        return written.strip()

    def _answer(self, line: str, source: str, target: str) -> str:
        origin = f"from {english_name(source)} " if source else ""
        asked = (
            f"Translate the user's text {origin}into {english_name(target)}. Answer with the "
            "translation alone, on one line, without quotes or notes. Copy numbers, URLs and "
            "placeholders such as {name} or %s exactly."
        )
        chat = Chat(
            model=self._operation.model,
            messages=[Message(role="system", content=asked), Message(role="user", content=line)],
            sampling=Sampling(temperature=0.0),
            max_tokens=LONGEST_ANSWER * len(line) + SLACK,
            think=False,
        )
        pieces: list[str] = []

        def take(event: Event) -> None:
            if isinstance(event, Text):
                pieces.append(event.text)
                if len(pieces) % TOLD_EVERY == 1:
                    self._emit(Status(state="prompt"))

        self._perform(chat, take)
        answer = " ".join("".join(pieces).split())
        quoted = _QUOTED.match(answer)
        return quoted[2] if quoted and not _QUOTED.match(line) else answer
