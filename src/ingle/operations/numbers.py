"""Numbers in plain data that JSON can write, but frames and engines cannot carry."""

from __future__ import annotations

import math
from typing import Any

from ingle.errors import InvalidRequest

LOWEST, HIGHEST = -(2**63), 2**64 - 1


def check_numbers(value: Any, field: str = "") -> None:
    """Refuse integers over 64 bits, and what is not finite.

    Raises:
        InvalidRequest: names the number by its path.
    """
    todo: list[tuple[Any, str]] = [(value, field)]  # no recursion: it may be nested deeply
    while todo:
        item, path = todo.pop()
        if isinstance(item, dict):
            todo += [
                (child, f"{path}.{name}" if path else str(name)) for name, child in item.items()
            ]
        elif isinstance(item, list):
            todo += [(child, f"{path}[{at}]") for at, child in enumerate(item)]
        elif isinstance(item, int):
            if not LOWEST <= item <= HIGHEST:
                raise InvalidRequest(f"{path}: the integer does not fit 64 bits", field=path)
        elif isinstance(item, float) and not math.isfinite(item):
            raise InvalidRequest(f"{path}: the number is out of range", field=path)
