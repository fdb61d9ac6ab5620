"""The flags of ``ingle train`` that are settings: one for each field of `TrainingSettings`, by its
name, with its type and its default."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar, get_args, get_type_hints

import click
from click.core import ParameterSource
from msgspec import inspect

from ingle.capabilities.train.aliases import ALIASES, RENAMED
from ingle.capabilities.train.settings import TrainingSettings
from ingle.cli.output import Output

F = TypeVar("F", bound=Callable[..., Any])
Declared = tuple[tuple[str, str], dict[str, Any]]
"""The names of an option, and what click is told of it."""
SECTIONS: dict[str, dict[str, str]] = {
    "Adapter": {
        "lora_rank": "Rank of the adapter.",
        "lora_alpha": "Strength of the adapter.",
        "lora_dropout": "Share of the adapter's inputs that is dropped.",
        "target_modules": "Modules that get an adapter: q_proj,v_proj,... (or attn_q,...).",
        "use_rslora": "Scale by the square root of the rank (rank-stabilized LoRA).",
    },
    "Training": {
        "epochs": "Passes over the examples.",
        "max_steps": "Optimizer steps, instead of --epochs.",
        "batch_size": "Examples per optimizer step.",
        "micro_batch_size": "Rows computed at once: fewer take less memory.",
        "max_length": "Tokens per row.",
        "last_turn_only": "Train on the last answer of each conversation only.",
        "learning_rate": "Highest learning rate.",
        "lr_scheduler_type": "How the learning rate falls after the warm-up.",
        "warmup_steps": "Steps until the learning rate is at its highest.",
        "warmup_ratio": "The same, as a share of all steps.",
        "weight_decay": "Weight decay of AdamW.",
        "max_grad_norm": "Largest gradient norm; larger gradients are clipped (0: never).",
        "optim": "Optimizer; adamw_8bit takes less memory.",
        "template": "Chat template of a base without one: a Jinja file, or chatml, gemma, llama3.",
        "seed": "Seed of the order, of dropout and of sampling.",
        "device": "cuda:0, vulkan:0, cpu; several: cuda:0,cuda:1; list: show what there is.",
    },
    "Evaluation and saving": {
        "eval_every": "Steps between evaluations on the validation data.",
        "save_every": "Steps between saved states.",
        "early_stopping_patience": "End after this many evaluations without a better one.",
        "keep": "Which state becomes the adapter: the best on validation, or the last.",
    },
    "Rewards (GRPO)": {
        "reward_funcs": "What a sampled answer is worth; may be given several times.",
        "num_generations": "Answers sampled per prompt.",
        "temperature": "Temperature of sampling.",
        "max_completion_length": "Tokens per sampled answer.",
        "slots": "Answers sampled at once; with 1 they are the same each time.",
    },
    "TRL": {
        "backend": "Which program trains.",
        "method": "What is learned from: answers, pairs of answers (trl), rewards.",
        "full": "Train the whole model, not an adapter (trl).",
        "beta": "DPO: how strongly the model is held near its base (trl).",
        "nproc_per_node": "Processes on this machine, one per GPU (trl).",
        "nnodes": "Machines that train together (trl).",
        "node_rank": "Which of the machines this is, from 0 (trl).",
        "rdzv_endpoint": "HOST:PORT of the first machine (trl).",
    },
}
AUTOMATIC = {
    "lora_alpha": "twice the rank",
    "target_modules": "all-linear",
    "epochs": "3, and as many as 40 steps take",
    "max_steps": "as many as the epochs take",
    "batch_size": "as many as fill 8 rows, and as few as 40 steps take",
    "warmup_ratio": "--warmup-steps counts",
    "device": "the fastest",
    "template": "the model's own",
    "eval_every": "ten evaluations in all",
    "save_every": "every 30 seconds",
    "early_stopping_patience": "never",
    "slots": "as many as it pays",
    "method": "sft, with rewards grpo",
}
"""What the default does, where its value does not say it."""
METAVARS = {
    "target_modules": "LIST",
    "template": "FILE|NAME",
    "rdzv_endpoint": "HOST:PORT",
    "reward_funcs": "REWARD",
}
SHORT = {"rank_stabilised": "--rslora", "rewards": "--reward"}
"""Old flags that were not called like their field."""
_SWITCHES = ("eight_bit_moments", "load_best_model_at_end")
"""Old flags without a value, whose fields have one."""


class SettingOption(click.Option):
    """A flag, in its section of the help."""

    def __init__(self, *args: Any, section: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section = section


class SectionedCommand(click.Command):
    """A command whose many options are shown in sections."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As click calls it."""
        found: dict[str, list[tuple[str, str]]] = {"Options": [], **{name: [] for name in SECTIONS}}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                found[getattr(parameter, "section", "Options")].append(record)
        for name, records in found.items():
            with formatter.section(name):
                formatter.write_dl(records)


def flag(field: str) -> str:
    """What a setting is called on the command line, by its name or an old one."""
    return SHORT.get(field) or f"--{field.replace('_', '-')}"


def settings_flags(function: F) -> F:
    """Give a command a flag for each setting, and hidden ones for their old names."""
    for names, attributes in reversed([*_options(), *_hidden()]):
        function = click.option(*names, cls=SettingOption, **attributes)(function)
    return function


def given(output: Output) -> dict[str, Any]:
    """The settings that are on the command line, under the names that were used there. Whoever
    used an old one is told the new one."""
    context, found = click.get_current_context(), {}
    for parameter in context.command.params:
        field = parameter.name or ""
        if field not in ALIASES and field not in TrainingSettings.__struct_fields__:
            continue
        if context.get_parameter_source(field) is not ParameterSource.COMMANDLINE:
            continue
        found[field] = _plain(ALIASES.get(field, field), context.params[field])
        if field in RENAMED and not output.json:
            output.note(f"{flag(field)} is now {flag(RENAMED[field])}")
    return found


def _plain(field: str, value: Any) -> Any:
    if field == "target_modules":
        return [name.strip() for name in value.split(",") if name.strip()]
    return list(value) if isinstance(value, tuple) else value


def _options() -> Iterator[Declared]:
    for section, fields in SECTIONS.items():
        for field, text in fields.items():
            kind = _kind(field)
            default = getattr(TrainingSettings(), field)
            if kind.get("is_flag"):
                shown: dict[str, Any] = {"default": False}
            elif field in AUTOMATIC:
                shown = {"default": None, "show_default": AUTOMATIC[field]}
            elif default in ("", ()):
                shown = {"default": None}
            else:
                shown = {"default": default, "show_default": True}
            about = {"help": text, "section": section, "metavar": METAVARS.get(field)}
            yield (flag(field), field), {**about, **kind, **shown}


def _hidden() -> Iterator[Declared]:
    for old, field in ALIASES.items():
        kind = {"is_flag": True} if old in _SWITCHES else _kind(field)
        yield (flag(old), old), {"hidden": True, "default": None, **kind}


def _kind(field: str) -> dict[str, Any]:
    """How click reads a field's value."""
    if field == "target_modules":
        return {"type": str}
    if field == "reward_funcs":
        return {"type": str, "multiple": True}
    match _types()[field]:
        case inspect.BoolType():
            return {"is_flag": True}
        case inspect.IntType():
            return {"type": int}
        case inspect.FloatType():
            return {"type": float}
        case inspect.LiteralType():
            values = get_args(get_type_hints(TrainingSettings)[field])
            return {"type": click.Choice([value for value in values if value])}
        case _:
            return {"type": str}


def _types() -> dict[str, inspect.Type]:
    described = inspect.type_info(TrainingSettings)
    assert isinstance(described, inspect.StructType)
    return {
        field.name: field.type.type if isinstance(field.type, inspect.Metadata) else field.type
        for field in described.fields
    }
