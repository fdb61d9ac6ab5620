"""``GET /v1/models`` as Anthropic's clients read it (API reference, "List Models")."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ingle.capabilities.store.operation import ModelSummary
from ingle.wire.sse import encode


def listing(models: list[ModelSummary]) -> bytes:
    """All models of the store, on one page."""
    data = [model_object(model, model.name) for model in models]
    return encode(
        {
            "data": data,
            "has_more": False,
            "first_id": data[0]["id"] if data else None,
            "last_id": data[-1]["id"] if data else None,
        }
    )


def one(model: ModelSummary, *, name: str) -> bytes:
    """One model, under the name that was asked for."""
    return encode(model_object(model, name))


def model_object(model: ModelSummary, name: str) -> dict[str, Any]:
    """A model as Anthropic writes it."""
    created = datetime.fromtimestamp(model.added, UTC)
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": created.isoformat(timespec="seconds").replace("+00:00", "Z"),
    }
