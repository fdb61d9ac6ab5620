"""From what a program gives to a `Train`."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ingle.capabilities.store.operation import ModelDetails
from ingle.capabilities.train import aliases, backends
from ingle.capabilities.train.operation import Train, TrainingSettings
from ingle.config import Settings
from ingle.errors import DiskFull, EngineMissing, InvalidRequest
from ingle.models.known_templates import KNOWN
from ingle.operations import invalid_field

if TYPE_CHECKING:
    from ingle.training.examples import Example


def training_request(model: str, data: str, name: str, options: dict[str, Any]) -> Train:
    """A `Train` from a data set and any fields of it and of its settings.

    Raises:
        InvalidRequest: an option is none, or has a bad value.
    """
    _check_warmup(options)
    options = aliases.current(options)
    known = {*TrainingSettings.__struct_fields__, *Train.__struct_fields__}
    unknown = sorted(set(options) - known)
    if unknown:
        near = difflib.get_close_matches(unknown[0], [*known, *aliases.ALIASES], n=1)
        raise InvalidRequest(
            f"unknown training option {', '.join(unknown)}",
            hint=f"did you mean {aliases.ALIASES.get(near[0], near[0])}?" if near else "",
            field=unknown[0],
        )
    fields = {**options, "model": model, "data": _path(data), "name": name or _name_of(data)}
    fields["validation"] = _path(str(options.get("validation") or ""))
    settings = {key: fields.pop(key) for key in list(fields) if key in _SETTINGS}
    if template := settings.get("template"):
        settings["template"] = _template(str(template))
    specs = settings.get("reward_funcs") or ()
    settings["reward_funcs"] = [_reward(str(spec)) for spec in specs]
    try:
        return Train(settings=msgspec.convert(settings, TrainingSettings), **fields)
    except msgspec.ValidationError as error:
        raise invalid_field("", error) from None


def _check_warmup(options: Mapping[str, Any]) -> None:
    """Raises InvalidRequest: the warm-up is given twice; its default would not tell."""
    if options.get("warmup_ratio") and {"warmup_steps", "warm_up"} & set(options):
        raise backends.warmup_twice()


def ready_to_send(request: Train, settings: Settings) -> Train:
    """For a run on another device: its data as plain JSONL, whatever it was.

    Only what is an example leaves; the node sends the file, and deletes it.

    Raises:
        InvalidRequest: a row is not an example; names it.
        DiskFull: no room for the copy.
    """
    if request.on in ("", "local") or request.resume:
        return request
    from ingle.training.examples import Columns, Source
    from ingle.training.examples.source import VALIDATION

    folder = settings.state_path / "outgoing"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    columns = Columns(request.columns)
    data = Source.find(request.data, columns)
    split = data.split(request.split)
    checks: Iterator[Example] | None = None
    if request.validation:
        other = Source.find(request.validation, columns)
        checks = other.examples(VALIDATION if VALIDATION in other.splits else "")
    elif VALIDATION in data.splits and split != VALIDATION:
        checks = data.examples(VALIDATION)
    return msgspec.structs.replace(
        request,
        data=_written(folder / f"{request.name}.jsonl", data.examples(split)),
        validation=_written(folder / f"{request.name}.check.jsonl", checks) if checks else "",
        split="",
        columns="",
    )


def converted(folder: Path, base: ModelDetails, target: Path) -> None:
    """A PEFT folder's adapter as GGUF for a base.

    Raises:
        EngineMissing: what that needs is not installed.
        BadModelFile, CapabilityMissing: the folder.
    """
    try:
        from ingle.training.peft_files import convert
    except ImportError as error:
        raise EngineMissing(
            f"PEFT adapters need {error.name}, which the core installation does not include",
            hint="pip install 'ingle[train]'",
        ) from None
    notes = {"base": base.digest, "model": base.name}
    convert(folder, Path(base.files[0]), target, notes)


def _written(path: Path, examples: Iterator[Example]) -> str:
    try:
        with path.open("w", encoding="utf-8") as file:
            for example in examples:
                file.write(json.dumps(example.record, ensure_ascii=False) + "\n")
    except OSError as error:
        raise DiskFull(f"{path}: {error.strerror}", hint="free disk space: ingle df") from None
    return str(path)


_SETTINGS = frozenset(TrainingSettings.__struct_fields__)


def _reward(spec: str) -> str:
    """A reward; the file of a function by its whole path."""
    before, python, rest = spec.partition("python:")
    file, _, function = rest.rpartition(":")
    return f"{before}{python}{_path(file)}:{function}" if python else spec


def _template(given: str) -> str:
    """What a file has; a template, or the name of one, as it is.

    Raises:
        InvalidRequest: the file cannot be read.
    """
    path = Path(given).expanduser()
    if given in KNOWN or "{%" in given or "{{" in given or not path.exists():
        return given
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InvalidRequest(f"template: {path}: {reason}", field="template") from None


def _path(text: str) -> str:
    """An absolute path, if something is there; else the name of a cached data set."""
    path = Path(text).expanduser()
    return str(path.resolve()) if text and path.exists() else text


def _name_of(data: str) -> str:
    """A run's name from that of its data: ``facts`` for ``./facts.jsonl`` and ``owner/facts``."""
    last = Path(data.partition(":")[0]).name
    stem = last.split(".")[0] or last.strip(".")
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:64] or "run"
