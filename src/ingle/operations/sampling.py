"""How the next token is picked."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ingle.errors import InvalidRequest
from ingle.operations.operation import Checked, TokenId

_Unit = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
_Penalty = Annotated[float, msgspec.Meta(ge=-2.0, le=2.0)]
_Bias = Annotated[float, msgspec.Meta(ge=-100.0, le=100.0)]


class Sampling(Checked, frozen=True, kw_only=True):
    """Sampling settings. None leaves the model's (or else the engine's) default."""

    temperature: Annotated[float, msgspec.Meta(ge=0.0, le=100.0)] | None = None
    top_p: _Unit | None = None
    top_k: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] | None = None
    """0 means no limit."""
    min_p: _Unit | None = None
    typical_p: _Unit | None = None
    repeat_penalty: Annotated[float, msgspec.Meta(ge=0.0, le=10.0)] | None = None
    repeat_last_n: Annotated[int, msgspec.Meta(ge=-1, le=1_000_000)] | None = None
    presence_penalty: _Penalty | None = None
    frequency_penalty: _Penalty | None = None
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)] | None = None
    """The same seed, prompt and settings give the same answer on the same machine."""
    logit_bias: Annotated[dict[TokenId, _Bias], msgspec.Meta(max_length=1024)] = {}
    ignore_eos: bool = False

    def check(self) -> None:
        for name in ("temperature", "top_p", "min_p", "repeat_penalty"):
            value = getattr(self, name)
            if value is not None and value != value:
                raise InvalidRequest(f"{name}: must not be NaN", field=name)
