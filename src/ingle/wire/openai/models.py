"""``GET /v1/models``, ``GET`` and ``DELETE /v1/models/{id}`` (API reference, "Models")."""

from __future__ import annotations

from typing import Any

from ingle.capabilities.store.operation import ModelSummary
from ingle.wire.sse import encode


def listing(models: list[ModelSummary]) -> bytes:
    """All models of the store."""
    return encode({"object": "list", "data": [model_object(model) for model in models]})


def one(model: ModelSummary, *, name: str) -> bytes:
    """One model, under the name that was asked for."""
    return encode({**model_object(model), "id": name})


def deleted(name: str) -> bytes:
    """The answer to a deletion."""
    return encode({"id": name, "object": "model", "deleted": True})


def model_object(model: ModelSummary) -> dict[str, Any]:
    """A model as OpenAI writes it, with what we know of it under ``ingle``."""
    return {
        "id": model.name,
        "object": "model",
        "created": int(model.added),
        "owned_by": model.source or "local",
        "ingle": {
            "digest": model.digest,
            "size": model.size,
            "format": model.format,
            "architecture": model.architecture,
            "parameters": model.parameters,
            "quantization": model.quantization,
            "context_length": model.context_length,
            "capabilities": [str(capability) for capability in model.capabilities],
        },
    }
