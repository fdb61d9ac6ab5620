"""What an ``adapter_config.json`` of PEFT asks for, and whether plain LoRA can say the same.

By an allow-list: a field that is not known here may only have a value that asks for nothing, so
that what a later PEFT invents is refused by its name rather than left out without a word.

Source: ``LoraConfig`` of PEFT 0.21.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ingle.errors import BadModelFile, CapabilityMissing

CONFIG = "adapter_config.json"
_NOTHING: tuple[Any, ...] = (None, False, "none", [], {})
"""Values of any field that ask for nothing."""
_FREE = frozenset({
    "peft_type", "task_type", "auto_mapping", "peft_version", "base_model_name_or_path", "revision",
    "inference_mode", "r", "lora_alpha", "lora_dropout", "use_rslora", "rank_pattern",
    "alpha_pattern", "init_lora_weights", "target_modules", "exclude_modules",
    "layers_to_transform", "layers_pattern", "megatron_core", "runtime_config", "qalora_group_size",
    "loftq_config", "eva_config", "corda_config", "lora_ga_config", "velora_config",
    "ensure_weight_tying",
})  # fmt: skip
"""Read here, or without a say in what a trained adapter computes: which matrices it has, its
tensors tell."""
_REASONS = {
    "use_dora": "DoRA scales whole rows of the base, which no low-rank adapter can say",
    "use_qalora": "QALoRA averages what enters a matrix before the adapter",
    "alora_invocation_tokens": "an activated LoRA works only behind certain tokens",
    "bias": "it changes biases of the base",
    "lora_bias": "its B has biases",
    "modules_to_save": "it replaces whole modules of the base",
    "trainable_token_indices": "it replaces rows of the embedding",
    "layer_replication": "it repeats layers of the base",
    "target_parameters": "it adapts parameters that are not linear layers",
    "fan_in_fan_out": "its matrices are transposed",
}
_KEEPS_BASE = ("gaussian", "eva", "orthogonal")
"""Ways to begin that leave the base as it is."""
_CHANGES_BASE = ("pissa", "olora", "corda", "lora_ga")
"""Those that take what the adapter begins with out of the base."""
MERGE = "merge it in Python instead (merge_and_unload of PEFT), and import the merged model as GGUF"


class PeftConfig(NamedTuple):
    """The part of the configuration that an adapter's numbers are read by."""

    rank: int
    alpha: float
    use_rslora: bool
    ranks: dict[str, int]
    """Of modules with a rank of their own, by the end of their name."""
    alphas: dict[str, float]
    begins: str = ""
    """The method by which the adapter began, if that took something out of the base."""

    def scale(self, module: str, rank: int) -> float:
        """What B A of a module is multiplied by.

        Args:
            module: its whole name: ``model.layers.0.self_attn.q_proj``.
            rank: that its matrices have.

        Raises:
            BadModelFile: the configuration says another rank.
        """
        said = _own(self.ranks, module, self.rank)
        if said != rank:
            raise BadModelFile(
                f"{module} has the rank {rank}, and its {CONFIG} says {said}: the two files do not "
                "belong together"
            )
        alpha = _own(self.alphas, module, self.alpha)
        return alpha / (math.sqrt(rank) if self.use_rslora else rank)


def read(folder: Path) -> PeftConfig:
    """The configuration of a PEFT folder.

    Raises:
        BadModelFile: it is missing or damaged.
        CapabilityMissing: it asks for more than plain LoRA.
    """
    path = folder / CONFIG
    try:
        config = json.loads(path.read_bytes())
        if not isinstance(config, dict) or type(config["r"]) is not int:
            raise ValueError("it has no rank")
        alpha = config.get("lora_alpha", config["r"])
        ranks, alphas = (config.get(f"{name}_pattern") or {} for name in ("rank", "alpha"))
        found = PeftConfig(
            rank=config["r"],
            alpha=float(alpha),
            use_rslora=bool(config.get("use_rslora")),
            ranks={_plain(name): int(rank) for name, rank in ranks.items()},
            alphas={_plain(name): float(value) for name, value in alphas.items()},
            begins=_beginning(folder, config.get("init_lora_weights", True)),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadModelFile(
            f"{folder} is not a PEFT adapter: its {CONFIG} cannot be used ({error})",
            path=str(folder),
        ) from None
    _check(folder, config)
    if any(value <= 0 for value in (found.alpha, *found.alphas.values())):
        raise CapabilityMissing(
            f"{folder.name} has a lora_alpha of 0 or less, so it changes nothing",
            hint="train it with a positive lora_alpha",
        )
    return found


def _check(folder: Path, config: dict[str, Any]) -> None:
    """Raises CapabilityMissing: a field asks for what plain LoRA does not say."""
    if config.get("peft_type") != "LORA":
        raise CapabilityMissing(f"{folder.name} is of the kind {config.get('peft_type')}, not LORA")
    for field, value in config.items():
        if field in _FREE or any(value is one or value == one for one in _NOTHING):
            continue
        by = config.get("peft_version")
        reason = _REASONS.get(field) or (
            f"ingle does not know what it does{f' (PEFT {by} wrote it)' if by else ''}"
        )
        raise CapabilityMissing(
            f"{folder.name} uses {field}, and only plain LoRA can be taken: {reason}", hint=MERGE
        )


def _beginning(folder: Path, given: Any) -> str:
    """The method that changed the base, if one did.

    Raises:
        CapabilityMissing: it cannot be undone, or it is not known.
    """
    if isinstance(given, bool) or given in _KEEPS_BASE:
        return ""
    method = next((name for name in _CHANGES_BASE if str(given).startswith(name)), "")
    if method:
        return method
    raise CapabilityMissing(
        f"{folder.name} began with init_lora_weights={given!r}, so it may be for a base that was "
        "changed before",
        hint=MERGE,
    )


def _plain(pattern: str) -> str:
    """A module's name; PEFT takes regular expressions, too, which a stranger's file may not run
    here.

    Raises:
        CapabilityMissing: it is more than a name.
    """
    name = pattern.removeprefix("^").removesuffix("$").replace("\\.", ".")
    if not name.replace("_", "").replace(".", "").isalnum():
        raise CapabilityMissing(
            f"the pattern {pattern!r} in {CONFIG} is a regular expression, and only names of "
            "modules can be taken",
            hint=MERGE,
        )
    return name


def _own(given: Mapping[str, float], module: str, otherwise: float) -> float:
    """What is said of a module by the end of its name."""
    for name, value in given.items():
        if module == name or module.endswith(f".{name}"):
            return value
    return otherwise
