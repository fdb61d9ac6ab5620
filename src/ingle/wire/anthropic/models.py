"""``GET /v1/models`` as Anthropic's clients read it (API reference, "List Models")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ingle.capabilities.store.operation import ModelSummary
from ingle.errors import InvalidRequest
from ingle.operations import Ability
from ingle.wire.sse import encode

_MOST_LISTED = 1000
_NO: dict[str, Any] = {"supported": False}


def listing(
    models: Sequence[ModelSummary], query: Mapping[str, str], *, stages: Sequence[str] = ()
) -> bytes:
    """The page of models that a query asks for; ``stages`` are those of ``lifecycle``.

    Raises:
        InvalidRequest: a limit out of range, or a place that is not in the list.
    """
    names = [model.name for model in models]
    begin, end = 0, len(models)
    if after := query.get("after_id"):
        begin = _place(names, after, "after_id") + 1
    if before := query.get("before_id"):
        end = _place(names, before, "before_id")
    limit = _limit(query.get("limit", "20"))
    shown = models[begin:end] if not stages or "active" in stages else []
    # Before an id, it is the nearest ones that are wanted.
    page = shown[-limit:] if before and not after else shown[:limit]
    return encode(
        {
            "data": [model_object(model, model.name) for model in page],
            "has_more": len(shown) > len(page),
            "first_id": page[0].name if page else None,
            "last_id": page[-1].name if page else None,
        }
    )


def one(model: ModelSummary, *, name: str) -> bytes:
    """One model, under the name that was asked for."""
    return encode(model_object(model, name))


def model_object(model: ModelSummary, name: str) -> dict[str, Any]:
    """A model as Anthropic writes it. What is in the store is active: nobody retires it."""
    created = datetime.fromtimestamp(model.added, UTC)
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": created.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "lifecycle": "active",
        "deprecated_at": None,
        "retires_at": None,
        "line": None,
        "max_input_tokens": model.context_length or None,
        "max_tokens": model.context_length or None,
        "capabilities": _capabilities({str(ability) for ability in model.capabilities}),
    }


def _capabilities(abilities: set[str]) -> dict[str, Any]:
    chats = {"supported": Ability.CHAT in abilities}
    reasons = {"supported": Ability.REASONING in abilities}
    efforts = ("low", "medium", "high", "xhigh", "max")
    return {
        "batch": _NO,
        "citations": _NO,
        "code_execution": _NO,
        "context_management": _NO,
        "effort": {**reasons, **dict.fromkeys(efforts, reasons)},
        "image_input": {"supported": Ability.VISION in abilities},
        "pdf_input": _NO,
        "server_tools": {**_NO, "code_execution": _NO, "web_search": _NO},
        "structured_outputs": chats,
        "thinking": {
            **reasons,
            "types": {
                "adaptive": reasons,
                "between_tools": chats,
                "disabled": chats,
                "enabled": reasons,
            },
        },
    }


def _place(names: list[str], name: str, field: str) -> int:
    if name not in names:
        raise InvalidRequest(f"{field}: there is no model {name!r}", field=field)
    return names.index(name)


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:5]) <= _MOST_LISTED):
        raise InvalidRequest(f"limit: must be between 1 and {_MOST_LISTED}", field="limit")
    return int(text)
