"""LoRA adapters as files: for which base they are, where they came from, whether they fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from ingle.errors import InvalidRequest
from ingle.models import shards
from ingle.models.adapter_header import SIDES
from ingle.models.gguf import Header, read_header


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """What an adapter's file says of itself, under ``ingle.``. Claims of its maker."""

    base: str = ""
    """Digest of the base that it was trained on."""
    model: str = ""
    """What that was called."""
    data: str = ""
    """Hash of the training data."""
    step: int = 0
    plan: dict[str, Any] = {}
    losses: list[list[float | None]] = []
    """Step, loss and validation loss."""
    rank: int = 0
    alpha: float = 0.0
    targets: list[str] = []


def provenance(path: Path) -> Provenance:
    """Read it.

    Raises:
        BadModelFile: the file is damaged.
    """
    header = read_header(path)
    notes = header.metadata
    step = str(notes.get("ingle.step", ""))
    alpha = notes.get("adapter.lora.alpha", 0.0)
    ranks = [tensor.shape[1] for tensor in header.tensors if tensor.name.endswith(".lora_a")]
    matrices = {_matrix(t.name) for t in header.tensors if t.name.endswith(".lora_a")}
    return Provenance(
        base=str(notes.get("ingle.base", "")),
        model=str(notes.get("ingle.model", "")),
        data=str(notes.get("ingle.data", "")),
        step=int(step) if step.isdigit() else 0,
        plan=_json(notes.get("ingle.plan"), dict, {}),
        losses=_json(notes.get("ingle.losses"), list, []),
        rank=max(ranks, default=0),
        alpha=float(alpha) if isinstance(alpha, (int, float)) else 0.0,
        targets=sorted(matrices),
    )


def check(adapter: Path, base: Path, name: str, model: str) -> None:
    """Do an adapter's matrices fit a base's?

    Args:
        base: its file, or the first of several.

    Raises:
        InvalidRequest: it is for another architecture, or for other sizes; says which.
        BadModelFile: a file is damaged.
    """
    theirs, ours = read_header(adapter), [header for _, header in shards.headers(base)]
    wanted, there = _architecture(theirs), _architecture(ours[0])
    if wanted != there:
        raise refused(name, model, f"it is for {wanted} models, and this is a {there} model")
    shapes = {tensor.name: tensor.shape for header in ours for tensor in header.tensors}
    for tensor in theirs.tensors:
        matrix, dot, side = tensor.name.rpartition(".")
        if dot + side not in SIDES:
            continue
        if matrix not in shapes:
            raise refused(name, model, f"the model has no matrix {matrix}")
        into, out = shapes[matrix][:2]
        if tensor.shape[2:] != shapes[matrix][2:]:
            raise refused(name, model, f"its {tensor.name} is for other experts than the model's")
        found = tensor.shape[0] if side == "lora_a" else tensor.shape[1]
        expected = into if side == "lora_a" else out
        if found != expected:
            raise refused(
                name, model, f"its {tensor.name} is for {found} numbers, the model has {expected}"
            )


def refused(
    name: str, model: str, why: str, hint: str = "ingle adapter show NAME"
) -> InvalidRequest:
    """The error for an adapter of another base."""
    return InvalidRequest(
        f"the adapter {name} does not fit {model}: {why}",
        hint=hint.replace("NAME", name),
        field="adapters",
        adapter=name,
        model=model,
    )


def _architecture(header: Header) -> str:
    return str(header.metadata.get("general.architecture", ""))


def _matrix(name: str) -> str:
    return name.split(".")[2] if name.startswith("blk.") and name.count(".") > 2 else name


def _json(value: object, kind: type, otherwise: Any) -> Any:
    try:
        found = json.loads(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    return found if isinstance(found, kind) else otherwise
