"""The store's routes: tags, show, ps, pull, copy, delete, version (docs/api.md).

That which creates models has a module of its own.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from ingle.capabilities.node.operation import StatusReport, WorkerInfo
from ingle.capabilities.store.operation import (
    CopyModel,
    ModelDetails,
    ModelSummary,
    Pull,
    Pulled,
    RemoveModel,
    ShowModel,
)
from ingle.errors import IngleError, InvalidRequest
from ingle.operations import Ability, Event, Progress
from ingle.wire.body import Body, decode, renamed
from ingle.wire.ollama.errors import NDJSON, error_object
from ingle.wire.ollama.modelfile import modelfile
from ingle.wire.ollama.ollama_options import written
from ingle.wire.sse import encode

SPOKEN = "0.13.0"
"""The version of Ollama's API that these routes follow; clients check it for features."""

_VERSION = re.compile(r"v?\d{1,6}(\.\d{1,6}){0,2}(-[\w.]+)?")

_CAPABILITIES: dict[str, str] = {
    Ability.CHAT: "completion",
    Ability.COMPLETE: "completion",
    Ability.EMBED: "embedding",
    Ability.TOOLS: "tools",
    Ability.VISION: "vision",
    Ability.REASONING: "thinking",
}


class NameBody(Body, kw_only=True):
    """``model``, or ``name`` as it was called before."""

    model: str | None = None
    name: str | None = None
    stream: bool | None = None

    @property
    def asked(self) -> str:
        """The name.

        Raises:
            InvalidRequest: there is none.
        """
        found = self.model or self.name
        if not found:
            raise InvalidRequest("model: this field is required", field="model")
        return found


class CopyBody(Body, kw_only=True):
    """Two names."""

    source: str
    destination: str


class PullRequest(NamedTuple):
    """What the client asked: an operation, and whether to stream its progress."""

    operation: Pull
    stream: bool


def parse_show(body: bytes) -> ShowModel:
    """Read the body of ``/api/show``."""
    return ShowModel(model=decode(body, NameBody).asked)


def parse_delete(body: bytes) -> RemoveModel:
    """Read the body of ``/api/delete``."""
    return RemoveModel(model=decode(body, NameBody).asked)


def parse_copy(body: bytes) -> CopyModel:
    """Read the body of ``/api/copy``."""
    asked = decode(body, CopyBody)
    with renamed({"model": "source", "to": "destination"}):
        return CopyModel(model=asked.source, to=asked.destination)


def parse_pull(body: bytes) -> PullRequest:
    """Read the body of ``/api/pull``."""
    asked = decode(body, NameBody)
    return PullRequest(Pull(model=asked.asked), asked.stream is not False)


def version(ours: str) -> bytes:
    """``version`` is the API that is spoken; ours stands beside it."""
    return encode({"version": SPOKEN, "ingle": ours})


def requires_note(wanted: str) -> list[str]:
    """A note where a model asks for a newer Ollama than the one whose API is spoken.

    Raises:
        InvalidRequest: not a version.
    """
    if not wanted:
        return []
    if not _VERSION.fullmatch(wanted):
        raise InvalidRequest(f"requires: {wanted!r} is not a version (0.14.0)", field="requires")
    if _numbers(wanted) <= _numbers(SPOKEN):
        return []
    return [f"it asks for Ollama {wanted}, and the API that is spoken here is that of {SPOKEN}"]


def tags(models: list[ModelSummary]) -> bytes:
    """All models of the store."""
    return encode(
        {
            "models": [
                {
                    "name": model.name,
                    "model": model.name,
                    "modified_at": timestamp(model.added),
                    "size": model.size,
                    "digest": _hash(model.digest),
                    "details": _details(model),
                    "capabilities": _abilities(model),
                }
                for model in models
            ]
        }
    )


def shown(model: ModelDetails) -> bytes:
    """One model in full. ``model_info`` is the header's own entries."""
    return encode(
        {
            "modelfile": modelfile(model),
            "parameters": "\n".join(
                f"{name:<30} {_shown(name, value)}" for name, value in written(model.defaults)
            ),
            "template": model.template,
            "system": model.defaults.system,
            "messages": [
                {"role": turn.role, "content": turn.text} for turn in model.defaults.messages
            ],
            "license": model.licence,
            "details": _details(model),
            "model_info": model.metadata,
            "capabilities": _abilities(model),
            "modified_at": timestamp(model.added),
            "digest": _hash(model.digest),
        }
    )


def running(status: StatusReport, models: list[ModelSummary], *, now: float) -> bytes:
    """The loaded models."""
    known = {model.digest: model for model in models}
    return encode(
        {
            "models": [
                {
                    "name": worker.model,
                    "model": worker.model,
                    "size": worker.memory or worker.predicted,
                    "digest": _hash(worker.digest),
                    "details": _details(known.get(worker.digest)),
                    "expires_at": _expiry(worker, now),
                    "size_vram": 0 if worker.device.lower() in {"", "cpu"} else worker.memory,
                    "context_length": worker.context,
                }
                for worker in status.workers
            ]
        }
    )


class PullStream:
    """Progress as lines of ``{status, digest, total, completed}``; the last is ``success``."""

    content_type = NDJSON

    def add(self, event: Event) -> bytes:
        """One line per progress event."""
        match event:
            case Progress(stage="downloading", digest=digest, total=total, completed=completed):
                name = _hash(digest)[:12] or event.name
                found: dict[str, Any] = {"status": f"pulling {name}", "total": total}
                found |= {"digest": digest or event.name, "completed": completed}
                return encode(found) + b"\n"
            case Progress(stage=stage):
                return encode({"status": _STAGES.get(stage, stage)}) + b"\n"
            case Pulled():
                return b""
            case _:
                return b""

    def end(self) -> bytes:
        """The last line."""
        return b'{"status":"success"}\n'

    def fail(self, error: IngleError) -> bytes:
        """A line with the error."""
        return encode(error_object(error)) + b"\n"


_STAGES = {
    "reading": "reading model metadata",
    "resolving": "pulling manifest",
    "verifying": "verifying sha256 digest",
    "linking": "writing manifest",
}


def timestamp(seconds: float) -> str:
    """Unix time as RFC 3339 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _expiry(worker: WorkerInfo, now: float) -> str:
    # Ollama writes "never" as a date far away.
    left = timedelta(days=365 * 100).total_seconds()
    return timestamp(now + (left if worker.expires_s is None else min(left, worker.expires_s)))


def _details(model: ModelSummary | None) -> dict[str, Any]:
    if model is None:
        model = ModelSummary(name="", digest="", size=0)
    embedding = {}
    if isinstance(model, ModelDetails):
        embedding = {"embedding_length": model.embedding_length}
    return {
        "parent_model": model.base,
        "format": model.format,
        "family": model.architecture,
        "families": [model.architecture] if model.architecture else [],
        "parameter_size": _parameters(model.parameters),
        "quantization_level": model.quantization,
        "context_length": model.context_length,
        **embedding,
    }


def _abilities(model: ModelSummary) -> list[str]:
    """In this dialect's words, each once."""
    found = (_CAPABILITIES.get(capability) for capability in model.capabilities)
    return [word for word in dict.fromkeys(found) if word]


def _parameters(count: int) -> str:
    for size, letter in ((10**9, "B"), (10**6, "M"), (10**3, "K")):
        if count >= size:
            return f"{count / size:.1f}{letter}"
    return str(count)


def _shown(name: str, value: str) -> str:
    return f'"{value}"' if name == "stop" else value


def _numbers(text: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", text)[:3]]


def _hash(digest: str) -> str:
    return digest.removeprefix("sha256:")
