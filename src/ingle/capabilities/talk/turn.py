"""Whose turn it is in a spoken conversation: a state machine, without sound and without clocks.

It is told what happens and when, in seconds of any clock, and says what to do about it. A turn of
the user's is what is said until the pause that ends it; the answer is written and spoken meanwhile.
Who speaks while the other speaks has the word: an answer is cut by it. If nothing of the answer was
heard yet, what is said next belongs to the same turn.
"""

from __future__ import annotations

import dataclasses
import enum
import itertools
from typing import NamedTuple


class State(enum.Enum):
    """What the conversation is doing."""

    LISTENING = "listening"
    HEARING = "hearing"
    """The user is speaking."""
    THINKING = "thinking"
    """The answer is being made, and nothing of it was heard."""
    SPEAKING = "speaking"


class GiveAnswer(NamedTuple):
    """Do: answer this."""

    text: str


class StopAnswer(NamedTuple):
    """Do: stop the answer."""

    heard: bool
    """Some of it was heard, so that it stays in the conversation."""


Act = GiveAnswer | StopAnswer


@dataclasses.dataclass(frozen=True)
class Latency:
    """From the end of what was said to the first sound of the answer, in seconds, by stage."""

    pause_s: float
    """Until it was sure that nothing more would be said."""
    transcribe_s: float
    """Until the text was there."""
    chat_s: float
    """Until the first piece of the answer's text."""
    sentence_s: float
    """Until its first sentence was whole."""
    speak_s: float
    """Until its first sound."""

    @property
    def total_s(self) -> float:
        """All of it."""
        return self.pause_s + self.transcribe_s + self.chat_s + self.sentence_s + self.speak_s


class Turn:
    """See the module. Every method is told when it happens."""

    def __init__(self) -> None:
        self.state = State.LISTENING
        self._pending = ""
        """What the user said that no sound of an answer was heard to."""
        self._times: list[float] = []
        """Of the end of speech, and of each stage since."""

    def speech_began(self) -> StopAnswer | None:
        """The user began to speak."""
        was, self.state = self.state, State.HEARING
        if was in (State.THINKING, State.SPEAKING):
            return StopAnswer(heard=was is State.SPEAKING)
        return None

    def speech_ended(self, ended: float, now: float) -> None:
        """The user has ended.

        Args:
            ended: when the last word did.
            now: when that was noticed.
        """
        if self.state is State.HEARING:
            self.state = State.LISTENING
            self._times = [ended, max(ended, now)]

    def heard(self, text: str, now: float) -> GiveAnswer | None:
        """What the user said, in its final form; may be empty, where it was no speech."""
        said = " ".join(filter(None, (self._pending, text.strip())))
        if not said or self.state in (State.HEARING, State.SPEAKING):
            self._pending = said if self.state is State.HEARING else ""
            return None
        self._pending = said
        self.state = State.THINKING
        self._mark(2, now)
        return GiveAnswer(said)

    def text_began(self, now: float) -> None:
        """The first piece of the answer's text."""
        self._mark(3, now)

    def sentence_began(self, now: float) -> None:
        """The first sentence of the answer is whole, and about to be spoken."""
        self._mark(4, now)

    def sound_began(self, now: float) -> Latency | None:
        """Sound of the answer is heard; its latency, if it is the first."""
        if self.state is not State.THINKING:
            return None
        self.state = State.SPEAKING
        self._pending = ""
        self._mark(5, now)
        if len(self._times) < 6:
            return None
        return Latency(*(after - before for before, after in itertools.pairwise(self._times)))

    def answer_ended(self) -> None:
        """All of the answer was heard, or it failed."""
        if self.state in (State.THINKING, State.SPEAKING):
            self.state = State.LISTENING
            self._pending = ""

    def _mark(self, place: int, now: float) -> None:
        if len(self._times) == place:
            self._times.append(max(now, self._times[-1]))
