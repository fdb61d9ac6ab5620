"""Which format a model's files are of: ours are asked first, then those of plug-ins.

Nothing that a plug-in does wrong reaches further than the file that it was asked about: names that
it makes up, odd errors and odd facts become a `BadModelFile` that says whose fault it is.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from ingle.errors import BadModelFile, IngleError, InvalidRequest
from ingle.models import names as file_names
from ingle.models import shards
from ingle.models.facts import Facts
from ingle.models.format import WEIGHTS, ChosenFiles, Format, StartFormat, is_role
from ingle.models.formats.ggml_whisper_format import GGML_WHISPER, is_ggml_whisper
from ingle.models.formats.gguf_format import GGUF, is_gguf
from ingle.plugins import Table

log = logging.getLogger(__name__)

MOST_NAMES = 20_000
"""Files of a folder that are looked at."""
MOST_FILES = 1_000
"""Files of one model."""
MOST_FACTS = 1 << 20
"""Bytes of what a plug-in's format says of a model."""


def _fault(name: str, found: object) -> str:
    if getattr(found, "name", None) != name:
        return f"it calls itself {getattr(found, 'name', None)!r}"
    if not callable(getattr(found, "choose", None)) or not callable(getattr(found, "read", None)):
        return "it is not a Format (it lacks choose or read)"
    return ""


FORMATS: Table[Format] = Table(
    "ingle.formats",
    "format",
    {
        "gguf": "ingle.models.formats.gguf_format:GGUF",
        "ggml-whisper": "ingle.models.formats.ggml_whisper_format:GGML_WHISPER",
        "ctranslate2": "ingle.models.formats.ctranslate2_format:CTRANSLATE2",
        "nemo-onnx": "ingle.models.formats.nemo_onnx_format:NEMO_ONNX",
        "speaker-onnx": "ingle.models.formats.speaker_onnx_format:SPEAKER_ONNX",
        "espeak": "ingle.models.formats.espeak_format:ESPEAK_FORMAT",
        "documents": "ingle.models.formats.documents_format:DOCUMENTS_FORMAT",
        "piper": "ingle.models.formats.piper_format:PIPER_FORMAT",
        "kokoro": "ingle.models.formats.kokoro_format:KOKORO_FORMAT",
        "diffusers": "ingle.models.formats.diffusers_format:DIFFUSERS",
        "checkpoint": "ingle.models.formats.checkpoint_format:CHECKPOINT",
        "rapidocr": "ingle.models.formats.packaged_ocr_format:RAPIDOCR_FORMAT",
        "tesseract": "ingle.models.formats.packaged_ocr_format:TESSERACT_FORMAT",
        "paddleocr-onnx": "ingle.models.formats.paddleocr_onnx_format:PADDLEOCR_ONNX",
        "bergamot": "ingle.models.formats.bergamot_format:BERGAMOT_FORMAT",
        "langid": "ingle.models.formats.langid_format:LANGID_FORMAT",
    },
    _fault,
)


class FoundModel(NamedTuple):
    """A model on this disk, before its files are read."""

    format: Format
    root: Path
    """The folder to which its files' names are relative."""
    chosen: ChosenFiles

    @property
    def files(self) -> list[tuple[str, Path]]:
        """Role and path of each file."""
        return [(role, self.root / name) for role, name in self.chosen.files]


def choose(names: Sequence[str], faults: list[str]) -> list[tuple[Format, ChosenFiles]]:
    """The models among the files of a folder or repository; those of plug-ins if we know none.

    Args:
        faults: Gets what went wrong in plug-ins' formats, for `known`.
    """
    return _by(FORMATS.built_in(), names, faults) or _by(FORMATS.plug_ins(), names, faults)


def find(path: Path) -> FoundModel:
    """The model at a path: a file, with those that belong to it, or a folder that holds one.

    Raises:
        BadModelFile: no format recognises it, or a file is missing; names the formats.
        InvalidRequest: there are several models; names them.
        OSError: it cannot be read.
    """
    found = _in_folder(path) if path.is_dir() else _of_file(path)
    if found.format is not GGUF:
        # A file that is not what its name says must not come along with a model (and be shared
        # with it) because a link of a folder from elsewhere points to it. GGUF files prove what
        # they are by their headers.
        _check_inside(found.root, found.chosen.names)
    return found


def of_files(files: Sequence[tuple[str, str]], first: Path) -> Format:
    """The format of files that are known to be one model, wherever they lie.

    Args:
        files: Role and relative name of each.
        first: Where the first one lies, which may have another name there.

    Raises:
        BadModelFile: no format recognises them; names those that are known.
    """
    wanted = {name for _, name in files}
    if files[0][1].lower().endswith(".gguf") or is_gguf(first):
        return GGUF
    if len(files) == 1 and is_ggml_whisper(first):
        return GGML_WHISPER
    faults: list[str] = []
    for form, chosen in choose([name for _, name in files], faults):
        if set(chosen.names) == wanted:
            return form
    raise unrecognised(files[0][1] or first.name, faults)


def read(form: Format, files: Sequence[tuple[str, Path]], *, begun: bool = False) -> Facts:
    """`Format.read`, whatever the format does.

    Args:
        begun: Only the files' beginnings are there: ask `StartFormat.read_start` where there is it.

    Raises:
        BadModelFile: a file is damaged, or the format failed on it.
        OSError: one cannot be read.
    """
    path = str(files[0][1])
    try:
        if begun and isinstance(form, StartFormat):
            facts = form.read_start(files)
        else:
            facts = form.read(files)
        return facts if form is GGUF else _checked(form, facts)
    except (IngleError, OSError):
        raise
    except Exception as error:  # a plug-in's: it may raise anything
        log.warning("the format %s failed on %s", form.name, path, exc_info=True)
        raise BadModelFile(
            f"{path}: the format {form.name!r} failed on it ({type(error).__name__}: {error})",
            path=path,
        ) from error


def unrecognised(what: str, faults: Sequence[str]) -> BadModelFile:
    """The error for what no format recognises."""
    problems = FORMATS.problems()
    return BadModelFile(
        f"{what}: no format recognises it; {known(faults)}",
        hint=problems[0].hint if problems else "name a GGUF file, or a folder that holds one",
        path=what,
    )


def known(faults: Sequence[str]) -> str:
    """The formats that are known here, and why some of them could not be asked."""
    said = [*faults, *(problem.message for problem in FORMATS.problems())]
    return "; ".join([f"known formats: {', '.join(FORMATS.names())}", *said])


def several(where: str, names: Sequence[str]) -> InvalidRequest:
    """The error for a place that holds more than one model."""
    shown = ", ".join(names[:12]) + (" ..." if len(names) > 12 else "")
    return InvalidRequest(
        f"model: {where} contains {len(names)} models: {shown}",
        hint="name the file",
        field="model",
        candidates=list(names),
    )


def _in_folder(path: Path) -> FoundModel:
    faults: list[str] = []
    found = _by(FORMATS.built_in(), _names(path, deep=False), faults)
    if not found:
        found = choose(_names(path), faults)
    if not found:
        raise unrecognised(str(path), faults)
    if len(found) > 1:
        raise several(str(path), [chosen.names[0] for _, chosen in found])
    return FoundModel(found[0][0], path, found[0][1])


def _of_file(path: Path) -> FoundModel:
    if is_gguf(path):
        stem, files = shards.find(path)
        chosen = ChosenFiles(stem, tuple((WEIGHTS, file.name) for file in files))
        return FoundModel(GGUF, path.parent, chosen)
    if is_ggml_whisper(path):
        return FoundModel(GGML_WHISPER, path.parent, GGML_WHISPER.alone(path.name))
    formats, faults = [*FORMATS.built_in(), *FORMATS.plug_ins()], list[str]()
    try:
        beside = _names(path.parent) if formats else []
    except InvalidRequest:  # a folder full of other things: the file has to do alone
        beside = []
    found = [model for model in _by(formats, beside, faults) if path.name in model[1].names]
    found = found or _by(formats, [path.name], faults)
    if not found:
        raise unrecognised(str(path), faults)
    if len(found) > 1:
        told = [f"{chosen.stem} ({form.name})" for form, chosen in found]
        raise several(str(path), told)
    return FoundModel(found[0][0], path.parent, found[0][1])


def _by(
    formats: Iterable[Format], names: Sequence[str], faults: list[str]
) -> list[tuple[Format, ChosenFiles]]:
    found: list[tuple[Format, ChosenFiles]] = []
    for form in formats:
        try:
            chosen = form.choose(list(names))
            for model in chosen:
                _check_chosen(model, names)
        except Exception as error:  # a plug-in's: it may raise anything, and return anything
            fault = f"the format {form.name!r} failed ({type(error).__name__}: {error})"
            log.warning("%s", fault)
            faults += [] if fault in faults else [fault]
            continue
        found += [(form, model) for model in chosen]
    return found


def _check_chosen(chosen: ChosenFiles, names: Sequence[str]) -> None:
    """Raises ValueError: it names files that were not there, or none, or the same one twice."""
    if not 0 < len(chosen.files) <= MOST_FILES:
        raise ValueError(f"{chosen.stem!r} has {len(chosen.files)} files")
    if not set(chosen.names) <= set(names) or len(set(chosen.names)) != len(chosen.names):
        raise ValueError(f"{chosen.stem!r} has files that are not there, or one twice")
    if chosen.files[0][0] != WEIGHTS or not all(is_role(role) for role, _ in chosen.files):
        raise ValueError(f"{chosen.stem!r}: weights come first, and roles are words")


def _checked(form: Format, facts: Facts) -> Facts:
    """Facts of a plug-in's format, fit to be kept. Raises ValueError or TypeError."""
    # Types are not checked when a struct is made, and a bad one would spoil the whole index.
    facts = msgspec.convert(msgspec.to_builtins(facts), Facts)
    if facts.tensor_bytes < 0 or facts.context_length < 0:
        raise ValueError("a size is negative")
    if not all(len(word) <= 64 and word.isprintable() for word in facts.abilities):
        raise ValueError("abilities are short words")
    if len(msgspec.json.encode(facts)) > MOST_FACTS:
        raise ValueError(f"its facts have more than {MOST_FACTS} bytes")
    return msgspec.structs.replace(facts, format=form.name, kind="model")


def _names(folder: Path, *, deep: bool = True) -> list[str]:
    """The files of a folder, relative to it. What is hidden is left out, and odd names are.

    Raises:
        InvalidRequest: there are too many.
    """
    found: list[str] = []
    for where, inner, files in os.walk(folder):
        inner[:] = sorted(name for name in inner if not name.startswith(".")) if deep else []
        relative = Path(where).relative_to(folder)
        if len(relative.parts) >= file_names.DEEPEST:
            inner.clear()
        found += [(relative / name).as_posix() for name in files]
        if len(found) > MOST_NAMES:
            raise InvalidRequest(
                f"model: {folder} holds more than {MOST_NAMES} files",
                hint="give the path of the model's file or folder",
                field="model",
            )
    return sorted(name for name in found if file_names.is_safe(name))


def _check_inside(root: Path, names: Sequence[str]) -> None:
    """See that files lie in their folder, also behind links, and are files.

    Raises:
        BadModelFile: one leads out of it, or is a device or a pipe.
    """
    real = root.resolve()
    homes = [real]
    # In the Hugging Face cache, a snapshot's files are links into the repository's blobs.
    blobs = real.parent.parent / "blobs"
    if real.parent.name == "snapshots" and blobs.resolve() == blobs:
        homes.append(blobs)
    for name in names:
        path = root / name
        target = path.resolve()
        if not any(target.is_relative_to(home) for home in homes):
            raise BadModelFile(
                f"{path} is a link to a file outside of its folder: {target}",
                hint="put the file itself into the folder",
                path=str(path),
            )
        if not stat.S_ISREG(target.stat().st_mode):
            raise BadModelFile(f"{path} is not a regular file", path=str(path))
