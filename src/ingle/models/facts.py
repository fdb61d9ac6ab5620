"""`Facts`: what a model's files say of it, in the terms that the rest of ingle uses; from GGUF."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ingle.errors import BadModelFile
from ingle.models.adapter_header import check_adapter
from ingle.models.drawing_network import DrawingNetwork, drawing_network
from ingle.models.fatal_metadata import check_metadata
from ingle.models.gguf import ArraySize, Header, Scalar, Value, read_header
from ingle.models.odd_metadata import notes_of
from ingle.models.projector_facts import ProjectorFacts
from ingle.models.tensor_types import FILE_TYPES
from ingle.models.weight_places import EMBEDDING, repacked_bytes, weights_by_place

POOLINGS = {0: "none", 1: "mean", 2: "cls", 3: "last", 4: "rank"}

_ENCODERS = frozenset(
    [
        "bert",
        "modern-bert",
        "nomic-bert",
        "nomic-bert-moe",
        "neo-bert",
        "jina-bert-v2",
        "jina-bert-v3",
        "eurobert",
        "t5encoder",
        "gemma-embedding",
        "llama-embed",
    ]
)
_CLASSIFIERS = frozenset({"cls.weight", "cls.output.weight"})
_RECURRENT = frozenset(["mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"])

# Every n-th layer sees the whole context, the others a window, where the file does not say.
_WINDOW_PERIOD = {
    "gemma2": 2,
    "gemma3": 6,
    "gemma3n": 5,
    "gpt-oss": 2,
    "cohere2": 4,
    "exaone4": 4,
    "llama4": 4,
    "smallthinker": 4,
}
_FULL_ATTENTION_INTERVAL = 4
QUERY_PREFIX = "ingle.embedding.query_prefix"
"""The header's key for what an embedding model wants before a question."""
PASSAGE_PREFIX = "ingle.embedding.passage_prefix"
"""The same for a passage."""
_PREFIXES = {
    "nomic-embed": ("search_query: ", "search_document: "),
    "e5-": ("query: ", "passage: "),
    "bge-": ("Represent this sentence for searching relevant passages: ", ""),
    "mxbai-embed": ("Represent this sentence for searching relevant passages: ", ""),
    "snowflake-arctic-embed": ("Represent this sentence for searching relevant passages: ", ""),
    "embeddinggemma": ("task: search result | query: ", "title: none | text: "),
    "qwen3-embedding": (
        "Instruct: Given a web search query, retrieve relevant passages that answer the query\n"
        "Query:",
        "",
    ),
}
_LONGEST_SHOWN = 200
MAX_NAME = 63
"""Bytes of a tensor's name, in llama.cpp."""


class VoiceFacts(msgspec.Struct, kw_only=True, omit_defaults=True, frozen=True):
    """One of the voices that a model speaks with."""

    name: str
    language: str
    """As a BCP 47 tag, such as ``en-US``."""
    title: str = ""
    """For people."""
    gender: str = ""
    """``female`` or ``male``; empty: not said."""


class Facts(msgspec.Struct, kw_only=True, omit_defaults=True, frozen=True):
    """A model's properties, read from its headers once and kept with it.

    Sizes are in bytes, lengths in tokens. A field is 0 or empty where the file
    does not say, or where the format knows no such thing.
    """

    format: str = "gguf"
    abilities: list[str] = []
    """Capabilities that it can serve, where it is no language model."""
    architecture: str = ""
    kind: str = "model"
    """``model``, ``adapter`` (a LoRA) or ``mmproj`` (an image projector)."""
    title: str = ""
    parameters: int = 0
    quantization: str = ""
    """The file type's name, such as ``Q4_K_M``."""
    quant_mix: dict[str, int] = {}
    """Tensor type to how many tensors have it."""
    tensor_bytes: int = 0
    """Bytes of its weights in memory, without what lies beside them (a projector, a vocabulary)."""
    repacked_bytes: int = 0
    """Of these, what the engine stores a second time, rearranged, when it computes on the CPU."""
    context_length: int = 0
    embedding_length: int = 0
    feed_forward_length: int = 0
    """The widest inner layer; of a mixture, all experts that a token uses together."""
    layers: int = 0
    heads: int = 0
    heads_kv: list[int] = []
    """Key-value heads per layer; 0 for a layer without an attention cache."""
    key_length: int = 0
    value_length: int = 0
    vocabulary: int = 0
    merges: int = 0
    """Merge rules of the tokeniser."""
    window: int = 0
    """Tokens that windowed layers keep; 0: every layer keeps all."""
    windowed: list[bool] = []
    """Per layer: does it keep only the window?"""
    state_bytes: int = 0
    """Recurrent state per slot over all layers (Mamba and the like)."""
    experts: int = 0
    experts_used: int = 0
    """Of the experts of a layer, how many a token uses."""
    mtp_layers: int = 0
    """Heads that guess further tokens (multi-token prediction), which the file brings along."""
    pooling: str = ""
    causal: bool = True
    rank_head: bool = False
    template: str = ""
    licence: str = ""
    description: str = ""
    prefixes: dict[str, str] = {}
    languages: list[str] = []
    """Codes of those that it knows, of a model that hears."""
    shards: int = 1
    metadata: dict[str, str | int | float | bool] = {}
    notes: list[str] = []
    """What is odd about it though it loads; sentences."""
    layer_bytes: list[int] = []
    """Bytes of each layer's tensors; empty where an older version read the file."""
    expert_bytes: list[int] = []
    """Of these, bytes of the experts that a router chooses from."""
    output_bytes: int = 0
    """Bytes of what follows the last layer: the output matrix and its norm."""
    tied: bool = False
    """The token embedding serves as the output matrix as well."""
    embedding_bytes: int = 0
    """Bytes of the token embedding."""
    voices: list[VoiceFacts] = []
    """Of a model that speaks; the first one is its own choice."""
    projector: ProjectorFacts | None = None
    """Of the image projector that lies beside it; None: there is none, or an older version read
    the files."""

    @property
    def template_sha256(self) -> str:
        """Hash of the chat template, so that a changed one shows; empty without one."""
        return hashlib.sha256(self.template.encode()).hexdigest() if self.template else ""

    @property
    def embeds(self) -> bool:
        """Its output is one vector per text."""
        return self.pooling in {"mean", "cls", "last"} or (
            self.architecture in _ENCODERS and not self.ranks
        )

    @property
    def ranks(self) -> bool:
        """Its output is a score of a pair of texts."""
        return self.pooling == "rank" or self.rank_head

    def capabilities(self, *, projector: bool = False) -> list[str]:
        """What it can do; ``projector`` if one lies beside it."""
        if self.kind != "model":
            return []
        if self.format != "gguf" or self.abilities:
            return list(self.abilities)
        if self.ranks:
            return ["rerank"]
        if self.embeds:
            return ["embed"]
        found = ["complete"]
        if self.template:
            found.insert(0, "chat")
            if "tools" in self.template:
                found.append("tools")
            if "<think>" in self.template or "enable_thinking" in self.template:
                found.append("reasoning")
        if projector and (self.projector is None or self.projector.sees):
            found.append("vision")
        if projector and self.projector is not None and self.projector.hears:
            found.append("audio")
        return found


def facts_from(headers: Sequence[Header]) -> Facts:
    """Derive the facts from a model's header, or from those of all its shards in order.

    Raises:
        BadModelFile: there is no architecture, or a number in the metadata is absurd.
    """
    head = _Metadata(headers[0].metadata)
    shapes = {tensor.name: tensor.shape for header in headers for tensor in header.tensors}
    if (network := drawing_network(shapes)) is not None:
        return _drawing(network, head, headers)
    if long := [name for name in shapes if len(name.encode()) > MAX_NAME]:
        raise BadModelFile(
            f"the tensor {long[0]} has a name of {len(long[0].encode())} bytes; the limit is "
            f"{MAX_NAME}"
        )
    arch = head.text("general.architecture")
    if not arch:
        raise BadModelFile("the header has no general.architecture")
    check_metadata(headers[0].metadata, arch)
    kind = _kind(head, arch)
    if kind == "adapter":
        check_adapter(headers)
    tensors = [tensor for header in headers for tensor in header.tensors]
    names = {tensor.name for tensor in tensors}
    mix = Counter(tensor.type.name for tensor in tensors)
    layers = head.count(f"{arch}.block_count")
    heads = max(head.per_layer(f"{arch}.attention.head_count", layers), default=0)
    embedding = head.count(f"{arch}.embedding_length")
    per_head = embedding // heads if heads else 0
    window, windowed = _windows(head, arch, layers)
    pooling = POOLINGS.get(head.count(f"{arch}.pooling_type", -1), "")
    heads_kv = _heads_kv(head, arch, layers, heads)
    vocabulary = _vocabulary(head, arch, headers)
    return Facts(
        architecture=arch,
        kind=kind,
        title=head.text("general.name"),
        parameters=sum(tensor.elements for tensor in tensors),
        quantization=_quantization(head, mix),
        quant_mix=dict(mix.most_common()),
        tensor_bytes=sum(tensor.size for tensor in tensors),
        repacked_bytes=repacked_bytes(tensors, names),
        context_length=head.count(f"{arch}.context_length"),
        embedding_length=embedding,
        feed_forward_length=_feed_forward_length(head, arch, layers),
        layers=layers,
        heads=heads,
        heads_kv=heads_kv,
        key_length=head.count(f"{arch}.attention.key_length", per_head),
        value_length=_value_length(head, arch, per_head),
        vocabulary=vocabulary,
        window=window,
        windowed=windowed,
        state_bytes=_state_bytes(head, arch, layers, heads_kv),
        experts=head.count(f"{arch}.expert_count"),
        experts_used=head.count(f"{arch}.expert_used_count"),
        mtp_layers=_mtp_layers(head, arch, names),
        pooling=pooling,
        causal=arch not in _ENCODERS and head.flag(f"{arch}.attention.causal", True),
        merges=head.length("tokenizer.ggml.merges"),
        rank_head=bool(_CLASSIFIERS & names) and pooling != "none",
        template=head.text("tokenizer.chat_template"),
        licence=head.text("general.license") or head.text("general.license.name"),
        description=head.text("general.description"),
        prefixes=_prefixes(head),
        shards=max(1, head.count("split.count", 1)),
        metadata=head.shown(),
        notes=notes_of(headers[0].metadata, vocabulary) if kind == "model" else [],
        **weights_by_place(tensors, names, layers),
    )


class _Metadata:
    """Typed look-ups; a value of the wrong type counts as absent, an absurd one as damage."""

    def __init__(self, values: dict[str, Value]) -> None:
        self._values = values

    def text(self, key: str) -> str:
        value = self._values.get(key)
        return value if isinstance(value, str) else ""

    def flag(self, key: str, default: bool) -> bool:
        value = self._values.get(key)
        return value if isinstance(value, bool) else default

    def count(self, key: str, default: int = 0) -> int:
        value = self._values.get(key)
        if isinstance(value, bool) or not isinstance(value, int):
            return default
        return _sane(key, value)

    def length(self, key: str) -> int:
        value = self._values.get(key)
        if isinstance(value, ArraySize):
            return value.length
        return len(value) if isinstance(value, list) else 0

    def per_layer(self, key: str, layers: int) -> list[int]:
        """One number for all layers, or a list of one for each."""
        value = self._values.get(key)
        if isinstance(value, list):
            return [_sane(key, item) for item in value if isinstance(item, int)]
        return [self.count(key)] * layers if key in self._values else []

    def items(self, key: str) -> list[Scalar]:
        value = self._values.get(key)
        return value if isinstance(value, list) else []

    def shown(self) -> dict[str, str | int | float | bool]:
        """The scalar entries; long texts cut."""
        kept: dict[str, str | int | float | bool] = {}
        for key, value in self._values.items():
            if isinstance(value, str):
                cut = len(value) > _LONGEST_SHOWN
                kept[key] = f"{value[:_LONGEST_SHOWN]}..." if cut else value
            elif isinstance(value, int | float):
                # JSON has no NaN and no infinity.
                kept[key] = value if value - value == 0 else str(value)
        return kept


def _sane(key: str, value: int) -> int:
    if not 0 <= value < 2**40:
        raise BadModelFile(f"{key} is {value}, which is not valid")
    return value


def _drawing(network: DrawingNetwork, head: _Metadata, headers: Sequence[Header]) -> Facts:
    """Of a model that draws, whose files need not have an architecture."""
    tensors = [tensor for header in headers for tensor in header.tensors]
    mix = Counter(tensor.type.name for tensor in tensors)
    return Facts(
        abilities=["imagine"],
        architecture=network.kind,
        title=head.text("general.name"),
        parameters=sum(tensor.elements for tensor in tensors),
        quantization=_quantization(head, mix),
        quant_mix=dict(mix.most_common()),
        tensor_bytes=sum(tensor.size for tensor in tensors),
        shards=max(1, head.count("split.count", 1)),
        metadata={"image size": network.side},
    )


def _kind(head: _Metadata, arch: str) -> str:
    stated = head.text("general.type")
    if stated in {"adapter", "mmproj"}:
        return stated
    return "mmproj" if arch == "clip" else "model"


def _quantization(head: _Metadata, mix: Counter[str]) -> str:
    # The recipe's name says more than the commonest tensor type, but files of
    # other writers carry none, or one that we do not know.
    stated = FILE_TYPES.get(head.count("general.file_type", -1), "")
    weights = [name for name, _ in mix.most_common() if name not in {"F32", "I32"}]
    return stated or (weights[0] if weights else next(iter(mix), ""))


def _vocabulary(head: _Metadata, arch: str, headers: Sequence[Header]) -> int:
    listed = head.length("tokenizer.ggml.tokens") or head.count(f"{arch}.vocab_size")
    if listed:
        return listed
    for header in headers:
        for tensor in header.tensors:
            if tensor.name == EMBEDDING and len(tensor.shape) == 2:
                return tensor.shape[1]
    return 0


def _feed_forward_length(head: _Metadata, arch: str, layers: int) -> int:
    dense = max(head.per_layer(f"{arch}.feed_forward_length", layers), default=0)
    used = head.count(f"{arch}.expert_used_count") or 1
    return max(dense, used * head.count(f"{arch}.expert_feed_forward_length"))


def _heads_kv(head: _Metadata, arch: str, layers: int, heads: int) -> list[int]:
    if arch in _ENCODERS or arch in _RECURRENT:
        return [0] * layers
    found = head.per_layer(f"{arch}.attention.head_count_kv", layers) or [heads] * layers
    if head.count(f"{arch}.ssm.state_size") and len(set(found)) == 1 and found[0]:
        # A hybrid with one number for all layers: only every n-th has attention.
        every = head.count(f"{arch}.full_attention_interval", _FULL_ATTENTION_INTERVAL) or 1
        return [count if (layer + 1) % every == 0 else 0 for layer, count in enumerate(found)]
    return found[:layers]


def _value_length(head: _Metadata, arch: str, per_head: int) -> int:
    if head.count(f"{arch}.attention.key_length_mla"):
        return 0  # multi-head latent attention keeps one compressed row, under "key"
    return head.count(f"{arch}.attention.value_length", per_head)


def _windows(head: _Metadata, arch: str, layers: int) -> tuple[int, list[bool]]:
    window = head.count(f"{arch}.attention.sliding_window")
    if not window:
        return 0, []
    stated = head.items(f"{arch}.attention.sliding_window_pattern")
    if stated:
        return window, [bool(item) for item in stated][:layers]
    period = head.count(f"{arch}.attention.sliding_window_pattern") or _WINDOW_PERIOD.get(arch, 0)
    if not period:
        return 0, []  # no pattern known: count every layer in full, the safe side
    return window, [(layer + 1) % period != 0 for layer in range(layers)]


def _mtp_layers(head: _Metadata, arch: str, names: set[str]) -> int:
    # Some files keep the number, and leave the heads out.
    there = any(name.endswith(".nextn.eh_proj.weight") for name in names)
    return head.count(f"{arch}.nextn_predict_layers") if there else 0


def _state_bytes(head: _Metadata, arch: str, layers: int, heads_kv: list[int]) -> int:
    state, inner = head.count(f"{arch}.ssm.state_size"), head.count(f"{arch}.ssm.inner_size")
    if not state or not inner:
        return 0
    conv = max(0, head.count(f"{arch}.ssm.conv_kernel") - 1)
    groups = head.count(f"{arch}.ssm.group_count")
    recurrent = sum(1 for count in heads_kv if not count) or layers
    return 4 * recurrent * (conv * (inner + 2 * groups * state) + state * inner)


def _prefixes(head: _Metadata) -> dict[str, str]:
    query, passage = head.text(QUERY_PREFIX), head.text(PASSAGE_PREFIX)
    if not query and not passage:
        title = f"{head.text('general.basename')} {head.text('general.name')}".lower()
        title = title.replace(" ", "-").replace("_", "-")
        for mark, (known_query, known_passage) in _PREFIXES.items():
            if mark in title:
                query, passage = known_query, known_passage
                break
    return {"query": query, "passage": passage} if query or passage else {}


def facts_of(paths: Sequence[Path]) -> Facts:
    """Check the headers of a model's weight files (all shards, in order) and derive the facts.

    Raises:
        BadModelFile: a header is bad, or the shards do not belong together.
        OSError: a file cannot be read.
    """
    headers = [read_header(path) for path in paths]
    for number, header in enumerate(headers):
        count = header.metadata.get("split.count", 1)
        place = header.metadata.get("split.no", 0)
        if count not in (len(paths), 0) or place != number:
            raise BadModelFile(
                f"{paths[number].name} says it is shard {place} (from 0) of {count}, "
                f"but its name says {number} of {len(paths)}",
                hint="put all shards of the model into one folder, under their original names",
                path=str(paths[number]),
            )
    return facts_from(headers)
