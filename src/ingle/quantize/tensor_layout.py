"""Which type each tensor of a file gets: llama.cpp's choices, tensor for tensor.

The rules are those of its ``src/llama-quant.cpp``. They are applied to tensors in the order of
their layers, and within a layer in that of their names:

1. Vectors, norms, routers of experts, convolutions of state spaces and positions stay as they are.
2. The output matrix, or the embedding where it serves as one, gets more bits than the rest.
3. Values of attention matter most: the first and last eighth of the layers, and every third between
   them, get more bits (`_more_bits`); with eight experts, or where four or more heads share a value
   matrix, it is so small that it gets them everywhere.
4. ``ffn_down`` is next, then the output of attention. Keys and queries get fewer where there are
   few.
5. Where a row is not a multiple of a type's block, one with blocks of 32 takes its place, and F16
   where 32 does not divide it either.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ingle.capabilities.quantize.operation import QuantizeModel
from ingle.models import shards
from ingle.models.gguf import Header, Tensor, Value
from ingle.models.tensor_types import PLAIN, tensor_type
from ingle.quantize.file_types import BASE_TYPES

_LAYER = re.compile(r"blk\.(\d+)\.")
_KEPT = (
    "_norm.weight", "ffn_gate_inp.weight", "ffn_gate_tid2eid.weight", "altup", "laurel",
    "per_layer_model_proj", "ssm_conv1d", "shortconv.conv.weight", "indexer.k_proj.weight",
    "indexer.q_proj.weight", "time_mix_first.weight", "time_mix_w0.weight", "time_mix_w1.weight",
    "time_mix_w2.weight", "time_mix_v0.weight", "time_mix_v1.weight", "time_mix_v2.weight",
    "time_mix_a0.weight", "time_mix_a1.weight", "time_mix_a2.weight", "time_mix_g1.weight",
    "time_mix_g2.weight", "time_mix_decay_w1.weight", "time_mix_decay_w2.weight",
    "time_mix_lerp_fused.weight", "attn_rel_b.weight", ".position_embd", "sam.pos_embd",
    "sam.neck.", "sam.net_", ".rel_pos", ".patch_embd", ".patch_merger", "a.rvq.codebook",
    "mm.a.code_embd",
)  # fmt: skip
_KEPT_WHOLE = ("position_embd.weight", "token_types.weight")
_EMBEDDINGS = ("token_embd.weight", "per_layer_token_embd.weight")
OUTPUT = "output.weight"
_NAMED = (
    ("attn_qkv.weight", "attn_qkv"),
    ("attn_kv_b.weight", "attn_kv_b"),
    ("attn_v.weight", "attn_v"),
    ("attn_k.weight", "attn_k"),
    ("attn_q.weight", "attn_q"),
    ("attn_output.weight", "attn_output"),
    ("ffn_up", "ffn_up"),
    ("ffn_gate", "ffn_gate"),
    ("ffn_down", "ffn_down"),
)
_VALUES = ("attn_v", "attn_qkv", "attn_kv_b")
_SMALLER_BLOCKS = {
    **dict.fromkeys(
        ("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ4_XS"), "IQ4_NL"
    ),
    **dict.fromkeys(("Q2_K", "Q3_K", "TQ1_0", "TQ2_0"), "Q4_0"),
    "Q4_K": "Q5_0",
    "Q5_K": "Q5_1",
    "Q6_K": "Q8_0",
}
_TWO_BITS = ("IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M", "IQ1_S", "IQ1_M")
_NEEDING_IMATRIX = ("IQ3_XXS", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ1_M", "IQ1_S")


class LayoutOptions(NamedTuple):
    """What changes the choices. Flags of the same names are llama-quantize's."""

    imatrix: bool = False
    """There is an imatrix, which some types count on."""
    pure: bool = False
    """All matrices get the file type's own type."""
    leave_output_tensor: bool = False
    output_tensor_type: str = ""
    token_embedding_type: str = ""
    tensor_types: Sequence[tuple[str, str]] = ()
    """Patterns of names, and the type of the tensors in whose name one is found. The first that is
    found counts."""


class PlannedTensor(NamedTuple):
    """A tensor and what it becomes."""

    tensor: Tensor
    kind: str
    fallback_from: str = ""
    """The type that it should have had; its rows do not divide into that one's blocks."""
    needs_imatrix: bool = False

    @property
    def size(self) -> int:
        """Bytes in the new file."""
        if self.kind == self.tensor.type.name:
            return self.tensor.size
        found = tensor_type(self.kind)
        return self.tensor.elements // found.block * found.bytes

    @property
    def changes(self) -> bool:
        """Its bytes will not be those of the source."""
        return self.kind != self.tensor.type.name


def planned(
    header: Header, file_type: str, options: LayoutOptions | None = None
) -> list[PlannedTensor]:
    """Each tensor and its type, in llama.cpp's order.

    Args:
        header: of the first file of a model, with the tensors of all.
        file_type: one of `BASE_TYPES`.
    """
    tensors = sorted(header.tensors, key=lambda tensor: (_layer(tensor.name), tensor.name))
    choice = _Choice(header.metadata, tensors, file_type, options or LayoutOptions())
    return [choice.planned(tensor) for tensor in tensors]


def options_of(request: QuantizeModel) -> LayoutOptions:
    """What a request says of the types of tensors."""
    return LayoutOptions(
        imatrix=bool(request.imatrix),
        pure=request.pure,
        leave_output_tensor=request.leave_output_tensor,
        output_tensor_type=request.output_tensor_type.upper(),
        token_embedding_type=request.token_embedding_type.upper(),
        tensor_types=[(pattern, kind.upper()) for pattern, kind in request.tensor_types],
    )


def size_of(source: Path, file_type: str, options: LayoutOptions) -> int:
    """Bytes that a model's file will have, but for what an imatrix adds to its metadata.

    Raises:
        BadModelFile: the source is damaged.
    """
    files = [header for _, header in shards.headers(source)]
    sizes = (plan.size for header in files for plan in planned(header, file_type, options))
    return files[0].data_offset + sum(-(-size // 32) * 32 for size in sizes)


def is_quantizable(name: str, dimensions: int) -> bool:
    """Is this a matrix of weights, which may have fewer bits?"""
    return (
        dimensions >= 2
        and name.endswith("weight")
        and name not in _KEPT_WHOLE
        and not any(part in name for part in _KEPT)
    )


def with_fitting_blocks(kind: str, columns: int) -> str:
    """The type, or what takes its place where it does not divide a row."""
    if columns % tensor_type(kind).block == 0:
        return kind
    other = _SMALLER_BLOCKS.get(kind, kind)
    return other if columns % tensor_type(other).block == 0 else "F16"


def _layer(name: str) -> int:
    found = _LAYER.match(name)
    return int(found[1]) if found else -1


def _category(name: str) -> str:
    if name == OUTPUT:
        return "output"
    if name in _EMBEDDINGS:
        return "token_embd"
    return next((category for part, category in _NAMED if part in name), "")


def _more_bits(layer: int, layers: int) -> bool:
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2


class _Choice:
    """The choices for one file. Layers are counted as their tensors come."""

    def __init__(
        self,
        metadata: Mapping[str, Value],
        tensors: Sequence[Tensor],
        file_type: str,
        options: LayoutOptions,
    ) -> None:
        self._file_type = file_type
        self._base = BASE_TYPES[file_type]
        self._options = options
        self._patterns = [(re.compile(part), kind) for part, kind in options.tensor_types]
        architecture = str(metadata.get("general.architecture", ""))
        self._falcon = architecture == "falcon"
        self._experts = _integer(metadata.get(f"{architecture}.expert_count"), 0)
        self._layers = _integer(metadata.get(f"{architecture}.block_count"), 0)
        heads = _integer(metadata.get(f"{architecture}.attention.head_count"), 0)
        shared = _integer(metadata.get(f"{architecture}.attention.head_count_kv"), heads)
        self._sharing = heads // shared if shared else 0
        """Heads of queries to one of keys and values."""
        # Llama 2 70B is known by this, as in llama.cpp.
        self._is_70b = architecture == "llama" and self._layers == 80 and heads != shared
        self._tied = all(tensor.name != OUTPUT for tensor in tensors)
        self._value_layers = sum(_category(tensor.name) in _VALUES for tensor in tensors)
        self._seen = dict.fromkeys(("value", "ffn_down", "ffn_gate", "ffn_up"), 0)

    def planned(self, tensor: Tensor) -> PlannedTensor:
        kept = not is_quantizable(tensor.name, len(tensor.shape)) or (
            self._options.leave_output_tensor and tensor.name == OUTPUT
        )
        if kept:
            return PlannedTensor(tensor, tensor.type.name)
        kind, wanted = self._kind(tensor), ""
        if kind not in PLAIN:
            wanted, kind = kind, with_fitting_blocks(kind, tensor.shape[0])
        needs = kind in _NEEDING_IMATRIX or (kind == "Q2_K" and self._file_type == "Q2_K_S")
        if tensor.name in (OUTPUT, *_EMBEDDINGS):
            needs = False
        return PlannedTensor(tensor, kind, "" if kind == wanted else wanted, needs)

    def _kind(self, tensor: Tensor) -> str:
        category, name = _category(tensor.name), tensor.name
        by_name = next((kind for part, kind in self._patterns if part.search(name)), "")
        embedding = self._options.token_embedding_type
        own_table = name == "per_layer_token_embd.weight" and by_name
        if embedding and category == "token_embd" and not own_table:
            return embedding
        if self._options.output_tensor_type and category == "output":
            return self._options.output_tensor_type
        if self._base in PLAIN:
            return self._base
        if by_name:
            return by_name
        if self._options.pure:
            return self._base
        if category == "output" or (self._tied and category == "token_embd"):
            return self._options.output_tensor_type or self._output(tensor)
        if self._file_type == "MXFP4_MOE":
            return "MXFP4" if len(tensor.shape) > 2 and tensor.shape[2] > 1 else "Q8_0"
        if category == "token_embd":
            return self._embedding()
        if self._file_type in _TWO_BITS:
            return self._two_bits(category)
        if category in _VALUES:
            return self._value()
        if category in ("attn_k", "attn_q"):
            return self._key_or_query(category)
        if category == "ffn_down":
            return self._down(name)
        if category == "attn_output":
            return self._attention_output()
        if category in ("ffn_gate", "ffn_up"):
            return self._gate_or_up(category, name)
        return self._base

    def _output(self, tensor: Tensor) -> str:
        if self._file_type == "MXFP4_MOE" or self._falcon:
            return "Q8_0"
        if tensor.shape[0] % tensor_type(self._base).block:
            return "Q8_0"
        if self._file_type in ("IQ3_XXS", *_TWO_BITS):
            return "Q5_K"
        return "Q8_0" if self._base == "Q8_0" else "Q6_K"

    def _embedding(self) -> str:
        if self._file_type in ("IQ2_XXS", "IQ2_XS", "IQ1_S", "IQ1_M"):
            return "Q2_K"
        if self._file_type in ("IQ2_S", "IQ2_M", "IQ3_XXS"):
            return "IQ3_S"
        return "Q4_K" if self._file_type in ("TQ1_0", "TQ2_0") else self._base

    def _two_bits(self, category: str) -> str:
        better = "IQ3_S" if self._file_type in ("IQ2_S", "IQ2_M") else "Q2_K"
        if category in _VALUES:
            self._seen["value"] += 1
            return "Q4_K" if self._sharing >= 4 or self._experts >= 4 else better
        if category == "attn_k" and self._experts == 8:
            return "Q4_K"
        if category == "ffn_down":
            layer = self._next("ffn_down")
            return better if layer < self._layers // 8 else self._base
        if category == "attn_output":
            if self._experts == 8:
                return "Q5_K"
            if self._file_type in ("IQ1_S", "IQ1_M"):
                return "IQ2_XXS"
            return "IQ3_S" if self._file_type in ("IQ2_S", "IQ2_M") else self._base
        return self._base

    def _value(self) -> str:
        layer = self._next("value")
        if self._experts == 8:
            return "Q8_0"
        found = self._value_by_layer(layer, self._sharing >= 4)
        return "Q5_K" if self._is_70b and found in ("Q3_K", "Q4_K") else found

    def _value_by_layer(self, layer: int, shared: bool) -> str:
        match self._file_type:
            case "Q2_K":
                return "Q4_K" if shared else "Q3_K"
            case "Q2_K_S" | "IQ3_XS" | "IQ3_S" if shared:
                return "Q4_K"
            case "IQ3_XXS":
                if shared:
                    return "Q4_K"
                return "IQ3_XXS" if self._options.imatrix else "IQ3_S"
            case "IQ3_M":
                return "Q4_K"
            case "Q3_K_M":
                return "Q5_K" if layer < 2 else "Q4_K"
            case "Q3_K_L":
                return "Q5_K"
            case "IQ4_NL" | "IQ4_XS" if shared:
                return "Q5_K"
            case "Q4_K_M" | "Q5_K_M" if _more_bits(layer, self._value_layers):
                return "Q6_K"
            case "Q4_K_S" if layer < 4:
                return "Q5_K"
        return self._base

    def _key_or_query(self, category: str) -> str:
        if category == "attn_k" and self._experts == 8:
            return "Q8_0"
        return {"IQ3_XS": "IQ3_XXS", "IQ3_XXS": "IQ2_S"}.get(self._file_type, self._base)

    def _down(self, name: str) -> str:
        layer = self._next("ffn_down", name)
        first_eighth, more = layer < self._layers // 8, _more_bits(layer, self._layers)
        imatrix = self._options.imatrix
        match self._file_type:
            case "Q2_K":
                return "Q3_K"
            case "Q2_K_S" if first_eighth:
                return "Q4_K"
            case "IQ3_XXS" if not imatrix:
                return "Q4_K" if first_eighth else "Q3_K"
            case "Q3_K_M":
                if layer < self._layers // 16:
                    return "Q5_K"
                return "Q4_K" if not self._falcon or more else "Q3_K"
            case "IQ3_M" if first_eighth or (self._experts == 8 and more):
                return "Q4_K"
            case "Q3_K_L":
                return "Q4_K" if self._falcon else "Q5_K"
            case "Q4_K_M" if self._falcon:
                if layer < self._layers // 16:
                    return "Q6_K"
                return "Q5_K" if more else "Q4_K"
            case "Q4_K_M" | "Q5_K_M" if more:
                return "Q6_K"
            case "IQ4_NL" | "IQ4_XS" if first_eighth and not imatrix:
                return "Q5_K"
            case "Q4_K_S" if first_eighth and not self._falcon:
                return "Q5_K"
            case "Q4_0" | "Q5_0" if first_eighth and imatrix:
                return "Q4_1" if self._file_type == "Q4_0" else "Q5_1"
        return self._base

    def _attention_output(self) -> str:
        if self._falcon:
            return "Q4_K" if self._file_type == "Q3_K_L" else self._base
        if self._experts == 8:
            better = (
                "Q2_K", "IQ3_XS", "IQ3_XXS", "Q3_K_S", "Q3_K_M", "IQ4_NL", "Q4_K_S", "Q4_K_M",
                "IQ3_S", "IQ3_M", "IQ4_XS",
            )  # fmt: skip
            return "Q5_K" if self._file_type in better else self._base
        found = {
            "Q2_K": "Q3_K", "IQ3_XXS": "IQ3_S", "Q3_K_M": "Q4_K", "Q3_K_L": "Q5_K", "IQ3_M": "Q4_K",
        }  # fmt: skip
        return found.get(self._file_type, self._base)

    def _gate_or_up(self, category: str, name: str) -> str:
        layer, layers = self._next(category, name), self._layers
        middle = layers // 8 <= layer < 7 * layers // 8
        return "IQ3_XXS" if self._file_type == "IQ3_XS" and middle else self._base

    def _next(self, category: str, name: str = "") -> int:
        """The layer of the next tensor of a category; with experts its name says it."""
        layer = self._seen[category]
        self._seen[category] += 1
        return _layer(name) if name and self._experts > 1 else layer


def _integer(value: Value | None, default: int) -> int:
    """A number of the metadata; of one per layer the first, as llama.cpp reads it."""
    if isinstance(value, list):
        value = value[0] if value else default
    return int(value) if isinstance(value, int) else default
