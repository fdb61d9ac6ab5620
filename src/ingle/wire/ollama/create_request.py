"""``POST /api/create`` (docs/api.md, "Create a Model"), and what a Modelfile says of the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from ingle.capabilities.store.operation import Created, CreateModel, SourceFile
from ingle.errors import CapabilityMissing, InvalidRequest
from ingle.operations import Event, ModelDefaults, Progress
from ingle.wire.body import decode, renamed
from ingle.wire.ollama.model_requests import NameBody, PullStream, requires_note
from ingle.wire.ollama.modelfile import Modelfile
from ingle.wire.ollama.ollama_chat import OllamaMessageBody, messages
from ingle.wire.ollama.ollama_options import SAMPLED, Options, option_fields
from ingle.wire.sse import encode

_NAMES = {
    "model": "model",
    "base": "from",
    "max_tokens": "parameters.num_predict",
    "context": "parameters.num_ctx",
    "stop": "parameters.stop",
    "licence": "license",
    **{name: f"parameters.{name}" for name in SAMPLED},
}
_PLACEMENT = frozenset(
    ["num_gpu", "num_thread", "num_batch", "main_gpu", "numa", "low_vram", "use_mmap", "use_mlock"]
)
_NOT_THERE = frozenset(
    [
        "num_keep",
        "mirostat",
        "mirostat_eta",
        "mirostat_tau",
        "penalize_newline",
        "tfs_z",
        "f16_kv",
        "logits_all",
        "vocab_only",
        "embedding_only",
        "draft_num_predict",
    ]
)


class CreateBody(NameBody, kw_only=True):
    """The fields of the route."""

    from_: str | None = msgspec.field(default=None, name="from")
    files: dict[str, str] | None = None
    adapters: dict[str, str] | None = None
    template: str | None = None
    system: str | None = None
    license: str | list[str] | None = None
    parameters: dict[str, Any] | None = None
    messages: list[OllamaMessageBody] | None = None
    quantize: str | None = None
    quantization: str | None = None
    requires: str | None = None
    modelfile: str | None = None
    path: str | None = None


class ModelToCreate(NamedTuple):
    """What the client asked: an operation, what of it is left out, and whether to stream."""

    operation: CreateModel
    notes: list[str]
    stream: bool = True


def parse(body: bytes) -> ModelToCreate:
    """Read the body.

    Raises:
        InvalidRequest: a bad field, named as in this dialect.
        CapabilityMissing: ``quantize``.
    """
    asked = decode(body, CreateBody)
    if asked.modelfile or asked.path:
        raise InvalidRequest(
            "modelfile: is not read here; send its parts as fields (from, system, parameters, ...)",
            hint="ingle create NAME -f Modelfile",
            field="modelfile",
        )
    refuse_to_quantize(asked.quantize or asked.quantization or "")
    texts = [asked.license] if isinstance(asked.license, str) else asked.license or []
    defaults, notes = model_defaults(asked.parameters or {})
    with renamed(_NAMES):
        defaults = msgspec.structs.replace(
            defaults,
            system=asked.system or "",
            template=asked.template or "",
            licence="\n".join(texts),
            messages=messages(asked.messages or []),
        )
        operation = CreateModel(
            model=asked.asked,
            base=asked.from_ or "",
            files=[_blob(name, digest, "files") for name, digest in (asked.files or {}).items()],
            adapters=[
                _blob(name, digest, "adapters") for name, digest in (asked.adapters or {}).items()
            ],
            defaults=defaults,
        )
    notes += requires_note(asked.requires or "")
    return ModelToCreate(operation, notes, asked.stream is not False)


def of_modelfile(name: str, file: Modelfile) -> ModelToCreate:
    """A Modelfile that was read, as the operation that makes its model.

    Raises:
        InvalidRequest: a parameter is not one, or has a bad value.
    """
    defaults, notes = model_defaults(file.parameters, strict=False)
    with renamed({**_NAMES, "base": "FROM"}):
        defaults = msgspec.structs.replace(
            defaults,
            system=file.system,
            template=file.template,
            licence="\n".join(file.licences),
            messages=messages(msgspec.convert(file.messages, list[OllamaMessageBody])),
        )
        operation = CreateModel(
            model=name,
            base="" if file.files else file.base,
            files=[SourceFile(name=path, path=path) for path in file.files],
            adapters=[
                SourceFile(name=given, path=given if is_path else "")
                for given, is_path in file.adapters
            ],
            defaults=defaults,
        )
    left_out = [f"{word} is not used here" for word in file.unused]
    return ModelToCreate(operation, [*notes, *left_out, *requires_note(file.requires)])


def model_defaults(
    parameters: Mapping[str, Any], *, strict: bool = True
) -> tuple[ModelDefaults, list[str]]:
    """Parameters as a model keeps them, and a note for each that means nothing here.

    Args:
        strict: False where all values are texts, as in a Modelfile.

    Raises:
        InvalidRequest: one is not known, or its value is wrong.
    """
    known = {name: value for name, value in parameters.items() if value is not None}
    unused = sorted(known.keys() & (_PLACEMENT | _NOT_THERE))
    for name in unused:
        del known[name]
    for name in known:
        if name not in Options.__struct_fields__:
            raise InvalidRequest(
                f"parameters: {name!r} is not a parameter", field=f"parameters.{name}"
            )
    try:
        options = msgspec.convert(known, Options, strict=strict)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"parameters: {error}", field="parameters") from None
    with renamed(_NAMES):
        fields = option_fields(options)
        return ModelDefaults(**fields), [_unused(name) for name in unused]


def refuse_to_quantize(kind: str) -> None:
    """Raises CapabilityMissing: a kind of quantisation is asked for."""
    if kind:
        raise CapabilityMissing(
            "quantize: models cannot be quantised here yet",
            hint="pull one that is quantised already: ingle pull qwen3:8b-q4_K_M",
            field="quantize",
            capability="quantize",
        )


class CreateStream(PullStream):
    """Statuses as lines; the last is ``success``. A base that is not here is pulled first.

    Args:
        notes: What of the request is left out.
    """

    def __init__(self, notes: Sequence[str] = ()) -> None:
        self._notes = list(notes)
        self._held = b""

    def add(self, event: Event) -> bytes:
        """The lines of one event. Those of a search wait for what it finds: what fails until then
        is answered with its true status."""
        if isinstance(event, Progress) and event.stage in ("reading", "resolving"):
            self._held += super().add(event)
            return b""
        held, self._held = self._held, b""
        return held + self._lines(event)

    def _lines(self, event: Event) -> bytes:
        if not isinstance(event, Created):
            return super().add(event)
        files = [f"using existing layer {digest}" for digest in event.digests]
        statuses = [*files, *self._notes, *event.notes, "writing manifest"]
        return b"".join(encode({"status": status}) + b"\n" for status in statuses)


def whole(created: Created, notes: Sequence[str]) -> bytes:
    """The answer without a stream; what was left out is ours to tell."""
    found: dict[str, Any] = {"status": "success"}
    if told := [*notes, *created.notes]:
        found["ingle"] = {"notes": told}
    return encode(found)


def _blob(name: str, digest: str, field: str) -> SourceFile:
    if not digest.startswith("sha256:"):
        raise InvalidRequest(
            f"{field}: {digest[:80]!r} is not a digest (sha256:...)", field=f"{field}.{name}"
        )
    with renamed({"sha256": f"{field}.{name}", "name": f"{field}.{name}"}):
        return SourceFile(name=name, sha256=digest.removeprefix("sha256:"))


def _unused(name: str) -> str:
    if name in _PLACEMENT:
        return f"the parameter {name} is left out: where a model runs is chosen when it is loaded"
    return f"the parameter {name} is left out: the engine does not have it"
