"""Takes reasoning out of a text where llama.cpp does not know it as such.

llama.cpp tells reasoning from the answer by what it sees in the template. Our grammars let a model
think wherever the template has tags for it, so nothing of it may be taken for the answer.
"""

from __future__ import annotations

OPENING, CLOSING = "<think>", "</think>"


class ThoughtSplitter:
    """Splits the text of one choice into its thought and its answer, as it arrives.

    Args:
        opened: The prompt has the opening tag already.
    """

    def __init__(self, *, opened: bool) -> None:
        self._state = "thought" if opened else "start"
        self._unread = ""

    def split(self, text: str) -> tuple[str, str]:
        """What is certainly thought, and what is certainly answer, of the text so far unread."""
        self._unread += text
        if self._state == "start":
            begun = self._unread.lstrip()
            if begun.startswith(OPENING):
                self._state, self._unread = "thought", begun.removeprefix(OPENING)
            elif not OPENING.startswith(begun):
                self._state = "answer"
        thought = self._thought() if self._state == "thought" else ""
        if self._state == "pause":  # the blank lines after a thought
            self._unread = self._unread.lstrip("\n")
            self._state = "answer" if self._unread else "pause"
        if self._state != "answer":
            return thought, ""
        return thought, self.rest()

    def rest(self) -> str:
        """What was held back, where the text ends."""
        text, self._unread = self._unread, ""
        return text

    @property
    def thinking(self) -> bool:
        """What is held back belongs to a thought."""
        return self._state == "thought"

    def _thought(self) -> str:
        found, closing, left = self._unread.partition(CLOSING)
        if closing:
            self._state, self._unread = "pause", left
            return found
        held = next(
            (size for size in range(len(CLOSING) - 1, 0, -1) if found.endswith(CLOSING[:size])), 0
        )
        self._unread = found[len(found) - held :]
        return found[: len(found) - held]
