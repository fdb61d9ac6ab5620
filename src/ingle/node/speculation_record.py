"""`SpeculationRecord`: for which models guessing tokens ahead was measured to help.

Every answer that a model gives alone is a measurement, of the user's own requests. One without
guesses says what a token takes; one with guesses says what it took with them. What is won and lost
so is added up, in seconds, and never to more than `CREDIT_S`. Once the sum is below zero, the model
is loaded without guessing for `REST` answers, then tried again, each time after twice as many. So
what guessing can cost in N answers is `CREDIT_S` and one answer for each doubling of N, whatever is
asked.

The record lies in the state directory, has no word of what was asked, and keeps `MOST` models.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

import msgspec

from ingle.engines.engine import LoadSpec
from ingle.operations import Timing
from ingle.operations.encoded import UNREADABLE

log = logging.getLogger(__name__)

RECORD = "speculation.json"
MOST = 256
CREDIT_S = 2.0
REST = 64
LONGEST_REST = REST << 10
FEWEST_TOKENS = 16
"""Shorter answers say little about a rate."""
_WEIGHT = 0.2
"""Of one more answer in the mean of what a token takes."""


class ModelRecord(msgspec.Struct):
    """What was measured of one model with one engine."""

    token_s: float = 0.0
    """What a token takes without guesses; 0: not known yet."""
    balance_s: float = CREDIT_S
    """Seconds won less seconds lost, at most `CREDIT_S`."""
    drafted: int = 0
    accepted: int = 0
    failures: int = 0
    """How often guessing was found to cost more than it won."""
    resting: int = 0
    """Answers until it is tried again; 0: it is on."""


class SpeculationRecord:
    """The record of a state directory whose lock we hold."""

    def __init__(self, state: Path) -> None:
        self._path = state / RECORD
        self._models = self._read()
        self._changed = False

    def helps(self, digest: str, engine: str) -> bool:
        """A model that is loaded now is to guess ahead."""
        known = self._models.get(_key(digest, engine))
        return known is None or not known.resting

    def measured(self, digest: str, engine: str) -> bool:
        """It is known what a token takes without guesses: a draft model, which guesses in every
        answer, can be compared with it."""
        known = self._models.get(_key(digest, engine))
        return known is not None and known.token_s > 0

    def of(self, digest: str, engine: str) -> ModelRecord | None:
        """What was measured; None: nothing yet."""
        return self._models.get(_key(digest, engine))

    def answered(self, spec: LoadSpec, timing: Timing, tokens: int) -> None:
        """A model has given an answer, alone.

        Args:
            tokens: that it wrote.
        """
        if not spec.digest or tokens < FEWEST_TOKENS or timing.decode_s <= 0:
            return
        key = _key(spec.digest, spec.engine)
        known = self._models.pop(key, None) or ModelRecord()
        self._models[key] = known  # the last one is the one used last
        while len(self._models) > MOST:
            del self._models[next(iter(self._models))]
        before = known.resting
        _add(known, timing, tokens)
        self._changed = True
        if bool(before) != bool(known.resting):
            self.save()

    def save(self) -> None:
        """Write it, if there is something new."""
        if not self._changed:
            return
        part = self._path.with_suffix(".part")
        try:
            with part.open("wb") as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(msgspec.json.encode(self._models))
            part.replace(self._path)
            self._changed = False
        except OSError as error:
            log.warning("%s was not written: %s", self._path, error)

    def _read(self) -> dict[str, ModelRecord]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, ModelRecord])
        except FileNotFoundError:
            return {}
        except (OSError, *UNREADABLE) as error:
            log.warning("%s cannot be read, and is begun again: %s", self._path, error)
            return {}


def _add(known: ModelRecord, timing: Timing, tokens: int) -> None:
    if not timing.drafted:
        token_s = timing.decode_s / tokens
        share = _WEIGHT if known.token_s else 1.0
        known.token_s += share * (token_s - known.token_s)
        known.resting = max(0, known.resting - 1)
        return
    known.drafted += timing.drafted
    known.accepted += timing.accepted
    if not known.token_s:
        return  # nothing to compare with
    won = known.token_s * tokens - timing.decode_s
    known.balance_s = min(CREDIT_S, known.balance_s + won)
    if known.balance_s < 0:
        known.resting = min(REST << min(known.failures, 10), LONGEST_REST)
        known.failures += 1
        known.balance_s = CREDIT_S


def _key(digest: str, engine: str) -> str:
    return f"{digest} {engine}"
