"""What can be asked of a node's models: list, show, fit, pull, create, copy, remove, df, prune."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ingle.errors import InvalidRequest
from ingle.operations import ModelDefaults
from ingle.operations.damaged_file import DamagedFile
from ingle.operations.operation import Checked, Event, Name, Operation, Positive


class ModelSummary(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One model of the store, as `list` shows it."""

    name: str
    digest: str
    """``sha256:`` and 64 hex digits: the model's identity."""
    size: int
    """Bytes of all its files."""
    format: str = "gguf"
    architecture: str = ""
    parameters: int = 0
    quantization: str = ""
    context_length: int = 0
    """Tokens it was trained for."""
    capabilities: list[str] = []
    source: str = ""
    """Where it came from (``embedded``, an URL, ``hf.co/...``, a path)."""
    added: float = 0.0
    """Unix time."""
    linked: bool = False
    """The bytes lie elsewhere on this disk (imported in place) and are not ours to delete."""
    base: str = ""
    """Of a derived model: the name of the one that it was made from."""
    notes: list[str] = []
    """What is odd about its file though it loads; sentences."""


class ModelDetails(ModelSummary, kw_only=True, omit_defaults=True):
    """Everything the file's header tells, as `show` prints it."""

    embedding_length: int = 0
    layers: int = 0
    heads: int = 0
    heads_kv: int = 0
    vocabulary: int = 0
    quant_mix: dict[str, int] = {}
    """Tensor type to how many tensors have it."""
    template: str = ""
    template_sha256: str = ""
    licence: str = ""
    description: str = ""
    files: list[str] = []
    """Where those lie that its engine opens: weights, a projector, ..."""
    adapters: list[str] = []
    """Of a derived model: where the adapters lie that it always applies."""
    defaults: ModelDefaults = ModelDefaults()
    """Of a derived model: what it brings to each request."""
    prefixes: dict[str, str] = {}
    """For embedding models: ``query`` and ``passage`` prefixes."""
    metadata: dict[str, str | int | float | bool] = {}
    """The header's scalar entries (long texts cut, lists left out)."""


class FitReport(Event, frozen=True, kw_only=True, tag="fit"):
    """What a model will need at a context length, against one device. All in bytes."""

    model: str
    context: int
    """Tokens per slot."""
    slots: int
    weights: int
    kv_cache: int
    compute: int
    overhead: int
    """The worker process itself."""
    needed: int
    device: str
    available: int
    fits: bool
    reclaimable: int = 0
    """Beyond ``needed``: pages of the file that stay in memory until someone else wants it."""
    largest_context: int = 0
    """Tokens per slot that would fit with the same slots; 0 if none."""
    advice: str = ""
    """One sentence: what to do if it does not fit."""
    placement: str = ""
    """What would go where, such as ``29/29 layers on CUDA0``."""
    device_bytes: dict[str, int] = {}
    """Of ``needed``, what would be on each graphics device."""
    decode_rate: float | None = None
    """Expected tokens per second of one answer, from what the devices were seen to read; None: a
    device has not been measured yet, which `ingle bench` does."""


class ListModels(Operation, frozen=True, kw_only=True, tag="list"):
    """The models of the store. One `Models`."""

    peers: bool = False
    """Also those that paired devices offered when last heard, as ``NAME@PEER``."""


class Models(Event, frozen=True, kw_only=True, tag="models"):
    """The store's models, newest first, the embedded ones last."""

    models: list[ModelSummary]


class ShowModel(Operation, frozen=True, kw_only=True, tag="show"):
    """One model in full. One `Shown`."""

    model: Name


class Shown(Event, frozen=True, kw_only=True, tag="shown"):
    """What is known of a model, and whether it is loaded."""

    model: ModelDetails


class FitModel(Operation, frozen=True, kw_only=True, tag="fit"):
    """Will it fit? One `FitReport` per device, best first. Works before a download, too."""

    model: Name
    context: Positive | None = None
    slots: Positive | None = None


class Pull(Operation, frozen=True, kw_only=True, tag="pull"):
    """Fetch a model. `Progress` events, then one `Pulled`. Resumes what was interrupted.

    ``source`` may be empty: the name then says where from (``hf.co/owner/repo``,
    ``https://...``, a path).
    """

    model: Name
    source: str = ""
    sha256: str = ""
    """Expected hash of the file, where the caller knows it."""
    connections: Positive = 4


class Pulled(Event, frozen=True, kw_only=True, tag="pulled"):
    """The model is in the store, verified."""

    model: ModelSummary
    replaced: str = ""
    """The digest of another model that had the name before."""


class ModelOffer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A model that could be pulled, and how it would suit this node's machine."""

    model: str
    """The name to pull it by."""
    source: str
    """Where it would come from."""
    quantization: str = ""
    size: int = 0
    """Bytes to fetch; 0: not known."""
    estimated: bool = False
    """The size is computed from the count of parameters, without asking the source."""
    needed: int = 0
    """About its bytes in memory."""
    available: int = 0
    """Bytes that models may have here."""
    fits: bool = True
    where: str = ""
    """``graphics`` or ``main``: in whose memory it would be; empty if it does not fit."""
    why: str = ""
    """One sentence: how it suits the machine."""
    licence: str = ""
    """As its authors call it; empty: not known before it is here."""
    gated: bool = False
    """Its owner wants terms accepted first."""
    about: str = ""
    purposes: list[str] = []
    parameters: float = 0.0
    """Billions."""


class OfferModel(Operation, frozen=True, kw_only=True, tag="offer_model"):
    """What would be pulled for a name that is not here? One `OfferedModel`, or not found.

    For a well-known name the network is not asked.
    """

    since = 4

    model: Name


class OfferedModel(Event, frozen=True, kw_only=True, tag="offered_model"):
    """What a pull of the name would fetch."""

    offer: ModelOffer


class RecommendModels(Operation, frozen=True, kw_only=True, tag="recommend_models"):
    """Which well-known models suit this machine? One `Recommendations`. Needs no network."""

    since = 4

    purpose: Annotated[str, msgspec.Meta(max_length=32)] = ""
    """``chat``, ``reasoning``, ``code``, ``vision``, ``embed``, ``rerank``, ``transcribe``,
    ``speak`` or ``imagine``; empty: each."""
    family: Annotated[str, msgspec.Meta(max_length=96)] = ""
    """All sizes of one family instead, such as ``qwen3``, also those that do not suit."""


class Recommendations(Event, frozen=True, kw_only=True, tag="recommendations"):
    """Models by what they are for, the best first. Of a family: its sizes, under its name."""

    purposes: dict[str, list[ModelOffer]]


class SourceFile(Checked, frozen=True, kw_only=True):
    """A file that a model is made of: bytes put here before, or a file of the node's disk."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
    """What it is called. Of an adapter with neither hash nor path: its name in the store."""
    sha256: Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{64})?$")] = ""
    path: str = ""


class CreateModel(Operation, frozen=True, kw_only=True, tag="create"):
    """Make a model from another, or from files. `Progress` events, then one `Created`.

    A derived model shares the bytes of its base, and stays when the base is removed.
    """

    since = 2

    model: Name
    """What it will be called; what has that name is replaced."""
    base: Annotated[str, msgspec.Meta(max_length=512)] = ""
    """A name, which is pulled if it is not here; or the path of a GGUF file."""
    files: Annotated[list[SourceFile], msgspec.Meta(max_length=1000)] = []
    """In place of a base: GGUF weights, with a projector if it has one."""
    adapters: Annotated[list[SourceFile], msgspec.Meta(max_length=16)] = []
    """Always applied, in addition to those of the base."""
    defaults: ModelDefaults = ModelDefaults()
    """In addition to those of the base, and before them."""

    def check(self) -> None:
        if bool(self.base) == bool(self.files):
            raise InvalidRequest("base: name a model, or give files: one of the two", field="base")


class Created(Event, frozen=True, kw_only=True, tag="created"):
    """The model is in the store."""

    model: ModelSummary
    digests: list[str]
    """Of its files: weights first, what it brings to each request last."""
    notes: list[str] = []
    """What of the request could not be kept, and what holds instead."""


class FindFile(Operation, frozen=True, kw_only=True, tag="find_file"):
    """Are these bytes here, as a file of a model or put here for one? One `Done`, or not found."""

    since = 2

    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class CopyModel(Operation, frozen=True, kw_only=True, tag="copy"):
    """Copy a model to another name. No bytes are copied. One `Done`."""

    model: Name
    to: Name


class RemoveModel(Operation, frozen=True, kw_only=True, tag="remove"):
    """Forget a name; the blob goes when its last name goes. One `Done`."""

    model: Name


class DiskUse(Operation, frozen=True, kw_only=True, tag="df"):
    """Show disk usage. One `DiskUsage`."""


class DiskUsage(Event, frozen=True, kw_only=True, tag="disk_usage"):
    """Bytes by kind, and what `prune` would free."""

    models: int
    linked: int
    partial: int
    orphaned: int
    logs: int
    free: int
    path: str
    prompts: int = 0
    """What models have read of long prompts, kept for after a restart."""


class Prune(Operation, frozen=True, kw_only=True, tag="prune"):
    """Delete blobs without a name, kept prompts and, if asked, interrupted downloads. One
    `Pruned`."""

    partials: bool = False
    dry_run: bool = False


class Pruned(Event, frozen=True, kw_only=True, tag="pruned"):
    """What was (or would be) deleted."""

    files: list[str]
    bytes: int


class VerifyStore(Operation, frozen=True, kw_only=True, tag="verify_store"):
    """Read files again and compare them with their hashes. `Progress`, then one `StoreVerified`.

    A damaged file is set aside, and models of it that are loaded are unloaded. One that is
    cancelled continues where it was when it is asked for again.
    """

    since = 3

    model: Annotated[str, msgspec.Meta(max_length=512)] = ""
    """One model, or an adapter by its name with a ``+`` before it; empty: all."""


class StoreVerified(Event, frozen=True, kw_only=True, tag="store_verified"):
    """All files were read."""

    files: int
    bytes: int
    before: int = 0
    """Files of these that an interrupted verification had read already."""
    damaged: list[DamagedFile] = []
