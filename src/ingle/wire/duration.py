"""How long to keep a model: seconds as a number, or as Ollama and Go write them (``5m``)."""

from __future__ import annotations

import math
import re

from ingle.errors import InvalidRequest
from ingle.operations.operation import MOST_SECONDS

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")


def seconds(value: float | str | None, field: str = "keep_alive") -> float | None:
    """Seconds; a negative value (``-1``, ``-1m``) means for ever.

    Raises:
        InvalidRequest: not a duration, or longer than one can be.
    """
    if value is None:
        return None
    if isinstance(value, str):
        value = _parsed(value, field)
    if not math.isfinite(value):
        raise InvalidRequest(f"{field}: not a finite number", field=field)
    if value > MOST_SECONDS:
        raise InvalidRequest(
            f"{field}: must be at most {MOST_SECONDS:.0f} s; -1 is for ever", field=field
        )
    return -1.0 if value < 0 else float(value)


def _parsed(text: str, field: str) -> float:
    body = text.strip()
    sign = -1.0 if body.startswith("-") else 1.0
    body = body.lstrip("+-")
    if re.fullmatch(r"\d+(\.\d+)?", body):
        return sign * float(body)
    parts = list(_PART.finditer(body))
    if not parts or "".join(part[0] for part in parts) != body:
        raise InvalidRequest(
            f"{field}: {text!r} is not a duration; write seconds, or 30s, 5m, 1h", field=field
        )
    return sign * sum(float(part[1]) * _UNITS[part[2]] for part in parts)
