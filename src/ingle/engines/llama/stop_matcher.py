"""Stop sequences, matched against the text of one answer and nothing else.

llama.cpp can match them too, but it does so in what the model writes: also in its reasoning
and its calls of tools. Nor does it give out what it held back when the length ends an answer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import msgspec

from ingle.operations import Text, TokenLogprob


class StopMatcher:
    """Passes on the pieces of one choice, up to the first stop sequence.

    A piece that may be the beginning of one is held back until that is known.
    """

    def __init__(self, sequences: Sequence[str]) -> None:
        self._sequences = sequences
        self._pieces: deque[Text] = deque()
        self._held = ""
        self.matched = ""
        """The sequence that ended the text."""

    def add(self, piece: Text) -> Iterator[Text]:
        """The pieces that are known to be text now that this one is there."""
        self._pieces.append(piece)
        self._held += piece.text
        found = [(self._held.find(text), text) for text in self._sequences if text in self._held]
        if not found:
            yield from self._release(len(self._held) - self._open())
            return
        # The one that is whole first, so that it does not matter how the text is cut.
        end, self.matched = min(found, key=lambda match: (match[0] + len(match[1]), match[0]))
        before = len(self._held)
        yield from self._release(end)
        end -= before - len(self._held)
        if end:
            yield _cut(self._pieces[0], end)
        self._pieces.clear()
        self._held = ""

    def rest(self) -> Iterator[Text]:
        """What is still held back, where the text ended or something else follows it."""
        yield from self._release(len(self._held))

    def _open(self) -> int:
        """How many characters at the end may begin a sequence."""
        return max(
            (
                size
                for text in self._sequences
                for size in range(1, min(len(text) - 1, len(self._held)) + 1)
                if self._held.endswith(text[:size])
            ),
            default=0,
        )

    def _release(self, size: int) -> Iterator[Text]:
        """The whole pieces among the first characters."""
        while self._pieces and len(self._pieces[0].text) <= size:
            piece = self._pieces.popleft()
            self._held = self._held[len(piece.text) :]
            size -= len(piece.text)
            yield piece


def _cut(piece: Text, size: int) -> Text:
    """The first characters of a piece, and the tokens that they are made of."""
    text = piece.text[:size]
    left = text.encode()
    tokens: list[TokenLogprob] = []
    for token in piece.logprobs:
        if not left:
            break
        data = (token.data or token.token.encode())[: len(left)]
        left = left[len(data) :]
        tokens.append(
            msgspec.structs.replace(token, token=data.decode(errors="replace"), data=data)
        )
    return msgspec.structs.replace(piece, text=text, logprobs=tokens)
