"""Character error of what was read: what differs from what stands there, for each character.

White space does not count: how wide a gap is, a picture does not say.
"""

from __future__ import annotations


def character_error(stands: str, read: str) -> float:
    """Least number of characters put in, left out or changed, by those that stand there."""
    wanted, found = "".join(stands.split()), "".join(read.split())
    row = list(range(len(found) + 1))
    for number, letter in enumerate(wanted, 1):
        diagonal, row[0] = row[0], number
        for place, other in enumerate(found, 1):
            diagonal, row[place] = (
                row[place],
                min(diagonal + (letter != other), row[place] + 1, row[place - 1] + 1),
            )
    return row[-1] / max(1, len(wanted))
