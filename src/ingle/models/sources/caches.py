"""Models that other programs have put on this disk: found, and used where they lie.

- Ollama (``OLLAMA_MODELS`` or ``~/.ollama/models``): a manifest per name under
  ``manifests/<host>/<namespace>/<model>/<tag>`` lists layers; the layer of type
  ``application/vnd.ollama.image.model`` is the GGUF file ``blobs/sha256-<hex>``.
- LM Studio (``~/.lmstudio/models``, ``~/.cache/lm-studio/models``):
  ``<publisher>/<repository>/<file>``.
- Hugging Face (``HF_HUB_CACHE``, ``HF_HOME/hub`` or ``~/.cache/huggingface/hub``):
  ``models--<owner>--<repo>/snapshots/<commit>/<file>``, links into ``blobs/``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ingle.errors import IngleError, InvalidRequest, ModelNotFound
from ingle.models import catalogue, formats
from ingle.models.format import PROJECTOR, WEIGHTS
from ingle.models.formats.gguf_format import GGUF
from ingle.models.local_files import OnBytes
from ingle.models.model import Model
from ingle.models.nearest import nearest, or_nearest
from ingle.models.quantization import quant_of
from ingle.models.ref import DEFAULT_TAG, ModelRef, part_from
from ingle.models.sources.hub import HubSource
from ingle.models.sources.mozilla import MozillaSource
from ingle.models.store import Store
from ingle.operations.encoded import UNREADABLE

OLLAMA = "ollama"
LM_STUDIO = "lm-studio"
HUGGING_FACE = "huggingface"
_OLLAMA_HOST, _OLLAMA_NAMESPACE = "registry.ollama.ai", "library"
_MODEL_LAYER = "application/vnd.ollama.image.model"
_PROJECTOR_LAYER = "application/vnd.ollama.image.projector"
_MANIFEST_LIMIT = 4 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class CachedModel:
    """A model in another program's folder."""

    name: str
    """The name it would get here."""
    program: str
    """``ollama``, ``lm-studio`` or ``huggingface``."""
    weights: tuple[Path, ...]
    projector: Path | None = None
    digest: str = ""
    """``sha256:...`` of the first weight file, where the program's records say."""
    folder: Path | None = None
    """Of a model that is a whole folder: that."""

    @property
    def size(self) -> int:
        """Bytes of its weights."""
        return sum(path.stat().st_size for path in self.weights)

    @property
    def path(self) -> Path:
        """What to take into the store."""
        return self.folder or self.weights[0]


@dataclasses.dataclass(frozen=True, slots=True)
class CacheSource:
    """A name that some program on this disk may know."""

    wanted: ModelRef
    name: str
    elsewhere: HubSource | MozillaSource | None = None
    """Where it can be fetched from if it is not on this disk; None: nowhere that we know."""

    def found(self) -> CachedModel | None:
        """What a program on this disk has under the name."""
        return next((cached for cached in find_cached() if self.means(cached)), None)

    def means(self, cached: CachedModel) -> bool:
        """Is this found model the one?"""
        return ModelRef.parse(cached.name).key == self.wanted.key

    def here(self, store: Store) -> bool:
        """It needs no network: a program on this disk has it, or the store under this name."""
        if self.found() is not None:
            return True
        if ModelRef.parse(self.name).key != self.wanted.key:
            return False
        try:
            store.resolve(str(self.wanted))
        except ModelNotFound:
            return False
        return True

    def bring(self, store: Store, on_bytes: OnBytes) -> Model:
        """Link it into the store; where no program has it and it is there already, that is it.

        Raises:
            ModelNotFound: no program on this disk has it; says where models can be pulled from.
            IntegrityError: the file is not what the program's records say.
        """
        if cached := self.found():
            return import_cached(store, cached, self.name, on_bytes)
        if ModelRef.parse(self.name).key == self.wanted.key:
            with contextlib.suppress(ModelNotFound):
                return store.resolve(str(self.wanted))
        near = nearest(self.wanted, catalogue.names())
        raise ModelNotFound(
            f"{self.wanted} is not a well-known name, and was not found in the caches of Ollama, "
            f"LM Studio and Hugging Face{or_nearest(near)}",
            hint=f"ingle pull {near[0]}" if near else "ingle recommend (or pull a URL, or a path)",
            model=str(self.wanted),
            nearest=near,
        )


def find_cached(home: Path | None = None) -> list[CachedModel]:
    """What other programs have on this disk. Only names and folders are read, no weights."""
    home = home or Path.home()
    return [*_ollama(home), *_lm_studio(home), *_hugging_face(home)]


def import_cached(
    store: Store, cached: CachedModel, name: str = "", on_bytes: OnBytes | None = None
) -> Model:
    """Use a found model from where it lies; its bytes are hashed once.

    Raises:
        IntegrityError: the file is not what the other program's records say.
        BadModelFile: as `Store.add_path`.
    """
    return store.add_path(
        cached.path,
        name or cached.name,
        source=f"{cached.program}:{cached.name}",
        projector=cached.projector,
        expected=cached.digest,
        on_bytes=on_bytes,
    )


class _Layer(msgspec.Struct, rename="camel"):
    media_type: str
    digest: str


class _Manifest(msgspec.Struct):
    layers: list[_Layer] = []


_decode = msgspec.json.Decoder(_Manifest).decode


def _ollama(home: Path) -> Iterator[CachedModel]:
    root = _folder("OLLAMA_MODELS") or home / ".ollama" / "models"
    manifests = root / "manifests"
    for path in _files(manifests, "*/*/*/*"):
        host, namespace, model, tag = path.relative_to(manifests).parts
        try:
            layers = _decode(path.read_bytes()[:_MANIFEST_LIMIT]).layers
        except (*UNREADABLE, OSError):
            continue  # not a manifest (a stray file), or not ours to read
        weights = [layer for layer in layers if layer.media_type == _MODEL_LAYER]
        projectors = [layer for layer in layers if layer.media_type == _PROJECTOR_LAYER]
        if len(weights) != 1:
            continue
        blob = _blob(root, weights[0].digest)
        owner = "" if namespace == _OLLAMA_NAMESPACE else f"{namespace}/"
        prefix = "" if host == _OLLAMA_HOST else f"{host}/"
        name = _name(f"{prefix}{namespace}/" if prefix else owner, model, tag)
        if name and blob.is_file():
            yield CachedModel(
                name=name,
                program=OLLAMA,
                weights=(blob,),
                projector=_blob(root, projectors[0].digest) if projectors else None,
                digest=weights[0].digest,
            )


def _blob(root: Path, digest: str) -> Path:
    kind, _, hexes = digest.partition(":")
    valid = kind == "sha256" and len(hexes) == 64 and hexes.isalnum()
    return root / "blobs" / (f"sha256-{hexes}" if valid else "-")


def _lm_studio(home: Path) -> Iterator[CachedModel]:
    for root in (home / ".lmstudio" / "models", home / ".cache" / "lm-studio" / "models"):
        for folder in _folders(root, "*/*"):
            publisher, repo = folder.relative_to(root).parts
            yield from _models_in(folder, f"{part_from(publisher)}/", repo, LM_STUDIO)


def _hugging_face(home: Path) -> Iterator[CachedModel]:
    root = _folder("HF_HUB_CACHE")
    if root is None:
        root = (_folder("HF_HOME") or home / ".cache" / "huggingface") / "hub"
    for folder in _folders(root, "models--*--*"):
        _, owner, repo = folder.name.split("--", 2)
        main = folder / "refs" / "main"
        snapshots = _folders(folder / "snapshots", "*")
        if main.is_file():
            # The newest revision only: older ones hold the same or outdated files.
            commit = main.read_text().strip()
            snapshots = [path for path in snapshots if path.name == commit] or snapshots
        for snapshot in snapshots[-1:]:
            yield from _models_in(snapshot, f"hf.co/{part_from(owner)}/", repo, HUGGING_FACE)


def _models_in(folder: Path, prefix: str, repo: str, program: str) -> Iterator[CachedModel]:
    found = False
    for inner in (folder, *_folders(folder, "*")):
        for model in GGUF.choose([path.name for path in _files(inner, "*")]):
            name = _name(prefix, repo, quant_of(model.stem) or part_from(model.stem))
            if name:
                found = True
                projectors = [inner / file for role, file in model.files if role == PROJECTOR]
                yield CachedModel(
                    name=name,
                    program=program,
                    weights=tuple(inner / file for role, file in model.files if role == WEIGHTS),
                    projector=projectors[0] if projectors else None,
                )
    if not found and formats.FORMATS.plug_ins():
        yield from _of_another_format(folder, prefix, repo, program)


def _of_another_format(folder: Path, prefix: str, repo: str, program: str) -> Iterator[CachedModel]:
    try:
        model = formats.find(folder)
    except (IngleError, OSError):
        return  # none that we know, or several in one folder
    name = _name(prefix, repo, DEFAULT_TAG)
    if name:
        weights = tuple(path for role, path in model.files if role == WEIGHTS)
        yield CachedModel(name=name, program=program, weights=weights, folder=folder)


def _name(prefix: str, name: str, tag: str) -> str:
    text = f"{prefix}{part_from(name)}:{part_from(tag)}"
    try:
        return ModelRef.parse(text).short
    except InvalidRequest:
        return ""  # a folder that no model name can stand for


def _folder(variable: str) -> Path | None:
    value = os.environ.get(variable, "")
    return Path(value).expanduser() if value else None


def _files(root: Path, pattern: str) -> list[Path]:
    return sorted(path for path in root.glob(pattern) if path.is_file())


def _folders(root: Path, pattern: str) -> list[Path]:
    return sorted(path for path in root.glob(pattern) if path.is_dir())
