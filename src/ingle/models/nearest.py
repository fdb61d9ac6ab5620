"""Names close to one that was mistyped."""

from __future__ import annotations

from ingle.models.ref import ModelRef

_ALIKE = 0.6
_SHOWN = 3


def nearest(ref: ModelRef, names: list[str]) -> list[str]:
    """Up to three of ``names``, best first; names are compared with and without owner and tag."""
    wanted, last = ref.short.lower(), ref.name.lower()
    scores = {
        name: max(
            _ratio(wanted, name.lower()),
            0.95 * _ratio(last, name.lower().rsplit("/", 1)[-1].partition(":")[0]),
        )
        for name in names
    }
    good = [name for name in names if scores[name] >= _ALIKE]
    return sorted(good, key=lambda name: -scores[name])[:_SHOWN]


def or_nearest(near: list[str]) -> str:
    """The end of an error message that suggests them; empty if there are none."""
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _ratio(one: str, other: str) -> float:
    import difflib

    return difflib.SequenceMatcher(None, one, other).ratio()
