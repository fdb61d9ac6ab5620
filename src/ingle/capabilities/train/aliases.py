"""Names that settings of training had before 0.2, and have elsewhere: read wherever settings are
given or kept, until 1.0.

One table for the command line, Python, requests, and the files of runs. Between nodes the old names
stay: a name on the wire is never changed (docs/reference/protocol.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ingle.capabilities.train.settings import TrainingSettings
from ingle.errors import InvalidRequest

RENAMED = {
    "rank": "lora_rank",
    "alpha": "lora_alpha",
    "targets": "target_modules",
    "rank_stabilised": "use_rslora",
    "dropout": "lora_dropout",
    "rate": "learning_rate",
    "schedule": "lr_scheduler_type",
    "warm_up": "warmup_steps",
    "steps": "max_steps",
    "rows": "batch_size",
    "micro_rows": "micro_batch_size",
    "sequence": "max_length",
    "decay": "weight_decay",
    "clip": "max_grad_norm",
    "eight_bit_moments": "optim",
    "check_every": "eval_every",
    "patience": "early_stopping_patience",
    "rewards": "reward_funcs",
    "group": "num_generations",
    "max_tokens": "max_completion_length",
    "processes": "nproc_per_node",
    "nodes": "nnodes",
    "address": "rdzv_endpoint",
}
"""From a setting's old name to its name."""
ELSEWHERE = {
    "num_train_epochs": "epochs",
    "load_best_model_at_end": "keep",
    "eval_steps": "eval_every",
    "save_steps": "save_every",
}
"""From transformers' name of a setting to ours, where ours is another."""
ALIASES = {**RENAMED, **ELSEWHERE}
ADDED = {"warmup_ratio": 3, "save_every": 3, "last_turn_only": 4, "template": 4}
"""Settings that ingle 0.1 did not have, with the version of the capability that brought them."""
AUTOMATIC = ("epochs", "batch_size")
"""Settings whose default an older node would refuse; it is not sent, and each has its own."""
_VALUES: Mapping[tuple[str, Any], str] = {
    ("eight_bit_moments", True): "adamw_8bit",
    ("eight_bit_moments", False): "adamw",
    ("load_best_model_at_end", True): "best",
    ("load_best_model_at_end", False): "last",
}
_OLD = {name: old for old, name in RENAMED.items()}


def current(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields under the names that they have now; others stay as they are.

    Raises:
        InvalidRequest: a setting is given under two names.
    """
    found: dict[str, Any] = {}
    said: dict[str, str] = {}
    for name, value in fields.items():
        field = ALIASES.get(name, name)
        if field in found:
            one, other = sorted((said[field], name), key=lambda each: each == field)
            raise InvalidRequest(
                f"{one} and {other} are the same setting, and both are given",
                hint=f"leave {one} out",
                field=field,
            )
        said[field] = name
        changed = name in ALIASES and isinstance(value, bool)
        found[field] = _VALUES.get((name, value), value) if changed else value
    return found


def current_request(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A request, as plain data, with the names that its settings have now. Raises as `current`."""
    settings = fields.get("settings")
    return {**fields, "settings": current(settings)} if isinstance(settings, dict) else {**fields}


def on_the_wire(settings: TrainingSettings) -> dict[str, Any]:
    """Settings as every version reads them: by old names; what is new or automatic, where given."""
    fields: dict[str, Any] = msgspec.to_builtins(settings)
    fields["target_modules"] = list(settings.matrices)
    only_given = (*ADDED, *AUTOMATIC)
    chosen = {name: fields.pop(name) for name in only_given}
    found = {_OLD.get(name, name): value for name, value in fields.items()}
    found["eight_bit_moments"] = settings.eight_bit
    return found | {_OLD.get(name, name): chosen[name] for name in given(settings, only_given)}


def given(settings: TrainingSettings, fields: Iterable[str]) -> list[str]:
    """Those of some fields that are not at their defaults."""
    defaults = TrainingSettings()
    return [field for field in fields if getattr(settings, field) != getattr(defaults, field)]
