"""Settings of training have one name everywhere; those of before are read, and say the new one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from click.shell_completion import ShellComplete

import ingle
from ingle.capabilities.train import aliases, modules
from ingle.capabilities.train.cli import flags
from ingle.capabilities.train.cli.flags import flag, given
from ingle.capabilities.train.cli.train import train_command
from ingle.capabilities.train.operation import Train, TrainingSettings
from ingle.capabilities.train.request import training_request
from ingle.cli.output import Output
from ingle.errors import CapabilityMissing, InvalidRequest
from ingle.operations.reading import from_json, read
from ingle.protocol import capability_versions
from ingle.protocol.frames import Hello, packed

FIELDS = TrainingSettings.__struct_fields__
VALUES: dict[str, Any] = {
    "lora_rank": 4, "lora_alpha": 9.0, "target_modules": ["attn_q", "attn_v"], "use_rslora": True,
    "lora_dropout": 0.25, "learning_rate": 1e-3, "lr_scheduler_type": "linear", "warmup_steps": 3,
    "warmup_ratio": 0.1, "epochs": 2.0, "max_steps": 7, "batch_size": 6, "micro_batch_size": 3,
    "max_length": 64, "weight_decay": 0.1, "max_grad_norm": 0.5, "optim": "adamw_8bit", "seed": 5,
    "last_turn_only": True, "template": "chatml",
    "device": "cpu", "eval_every": 4, "save_every": 2, "early_stopping_patience": 3,
    "reward_funcs": ["json", "0.5*finished"], "num_generations": 4, "temperature": 0.5,
    "max_completion_length": 32, "slots": 1, "keep": "last", "backend": "trl", "method": "dpo",
    "full": True, "beta": 0.2, "nproc_per_node": 2, "nnodes": 2, "node_rank": 1,
    "rdzv_endpoint": "10.0.0.1:29500",
}  # fmt: skip
"""A value for each setting that is not its default."""
SWITCHES = ("use_rslora", "full", "last_turn_only")


def words(field: str, name: str) -> list[str]:
    """What is typed for a setting's value, under one of its names."""
    if field in SWITCHES or name in ("eight_bit_moments", "load_best_model_at_end"):
        return [flag(name)]
    value = VALUES[field]
    if field == "reward_funcs":
        return [word for each in value for word in (flag(name), each)]
    return [flag(name), ",".join(value) if isinstance(value, list) else str(value)]


def typed(*arguments: str, as_json: bool = False) -> dict[str, Any]:
    with train_command.make_context("train", ["ember", "--data", "x.jsonl", *arguments]):
        return given(Output(as_json=as_json, debug=False))


def settings(options: dict[str, Any]) -> dict[str, Any]:
    """What comes of options, unchecked, so that each may be given alone."""
    return aliases.current(options)


def test_each_field_is_a_flag_of_its_name_with_its_default() -> None:
    shown = [field for fields in flags.SECTIONS.values() for field in fields]
    assert sorted(shown) == sorted(FIELDS) == sorted(VALUES)
    options = {parameter.name: parameter for parameter in train_command.params}
    for field in FIELDS:
        option = options[field]
        assert option.opts == [f"--{field.replace('_', '-')}"]
        assert isinstance(option, click.Option)
        assert not option.hidden
        default = getattr(TrainingSettings(), field)
        if option.default is not None and not option.multiple:
            assert option.default == default, field
        else:
            assert field in flags.AUTOMATIC or default in ("", ()), field
        assert typed(*words(field, field)) == {field: VALUES[field]}
    assert typed() == {}


@pytest.mark.parametrize("old", [*aliases.ALIASES])
def test_what_a_flag_was_called_is_read_and_says_what_it_is_called(
    old: str, capsys: pytest.CaptureFixture[str]
) -> None:
    field = aliases.ALIASES[old]
    wanted = "best" if old == "load_best_model_at_end" else VALUES[field]
    assert settings(typed(*words(field, old))) == {field: wanted}
    told = f"{flag(old)} is now {flag(field)}\n" if old in aliases.RENAMED else ""
    assert capsys.readouterr() == ("", told)
    typed(*words(field, old), as_json=True)
    assert capsys.readouterr() == ("", "")
    with pytest.raises(InvalidRequest, match=f"^{old} and {field} are the same") as twice:
        settings(typed(*words(field, old), *words(field, field)))
    assert twice.value.details["field"] == field
    assert twice.value.hint == f"leave {old} out"


def test_help_and_completion_show_today_s_names_alone() -> None:
    context = click.Context(train_command, info_name="train")
    text = train_command.get_help(context)
    completion = ShellComplete(train_command, {}, "train", "_TRAIN_COMPLETE")
    offered = {item.value for item in completion.get_completions([], "--")}
    for field in FIELDS:
        assert f"  {flag(field)} " in text
        assert flag(field) in offered
    for old in aliases.ALIASES:
        assert f"{flag(old)} " not in text
        assert flag(old) not in offered


def test_no_message_names_a_flag_by_its_old_name() -> None:
    package = Path(ingle.__file__).parent
    old = [re.compile(rf"{flag(name)}\b(?!-)") for name in aliases.RENAMED]
    folders = (package / "training", package / "capabilities" / "train")
    for path in (path for folder in folders for path in folder.rglob("*.py")):
        if path.name != "flags.py":  # where they are declared
            assert not [each.pattern for each in old if each.search(path.read_text())], path


@pytest.mark.parametrize("old", [*aliases.RENAMED])
def test_python_reads_old_names(old: str) -> None:
    field = aliases.RENAMED[old]
    more: dict[str, Any] = {
        "target_modules": {}, "reward_funcs": {}, "num_generations": {"reward_funcs": ["json"]},
        "max_completion_length": {"reward_funcs": ["json"]},
        "nproc_per_node": {"backend": "trl"},
        "nnodes": {"backend": "trl", "rdzv_endpoint": "10.0.0.1:29500"},
        "rdzv_endpoint": {"backend": "trl", "nnodes": 2},
    }.get(field, {})  # fmt: skip
    value = True if old == "eight_bit_moments" else VALUES[field]
    before = training_request("ember", "x.jsonl", "x", {old: value, **more})
    assert before == training_request("ember", "x.jsonl", "x", {field: VALUES[field], **more})
    with pytest.raises(InvalidRequest, match="the same setting"):
        training_request("ember", "x.jsonl", "x", {old: value, field: VALUES[field], **more})


def test_a_slip_is_told_what_was_meant() -> None:
    with pytest.raises(InvalidRequest, match="unknown training option lora_rnk") as slip:
        training_request("ember", "x.jsonl", "x", {"lora_rnk": 8})
    assert slip.value.hint == "did you mean lora_rank?"


@pytest.mark.parametrize(
    ("given", "matrices"),
    [
        (["q_proj", "v_proj"], ("attn_q", "attn_v")),
        (["ffn_down", "k_proj", "attn_k"], ("attn_k", "ffn_down")),
        (["o_proj", "gate_proj", "up_proj"], ("attn_output", "ffn_gate", "ffn_up")),
        (["all-linear"], ()),
        ([], ()),
        ([*modules.MODULES], tuple(modules.MODULES)),
        ([*modules.MODULES.values()], tuple(modules.MODULES)),
    ],
)
def test_target_modules_have_two_names(given: list[str], matrices: tuple[str, ...]) -> None:
    request = training_request("ember", "x.jsonl", "x", {"target_modules": given})
    assert request.settings.matrices == matrices


def test_a_module_that_there_is_not_is_named_with_those_that_there_are() -> None:
    with pytest.raises(InvalidRequest, match="no module 'q_porj'; valid are q_proj, ") as refused:
        training_request("ember", "x.jsonl", "x", {"target_modules": ["q_porj"]})
    assert refused.value.hint == "did you mean q_proj?"
    assert refused.value.details["field"] == "target_modules"
    assert all(name in refused.value.message for name in ("all-linear", *modules.MODULES))


@pytest.mark.parametrize("steps", [{"warmup_steps": 10}, {"warm_up": 10}, {"warmup_steps": 3}])
def test_a_warm_up_is_given_once(steps: dict[str, int]) -> None:
    with pytest.raises(InvalidRequest, match="warmup_ratio, a share of all steps, and as") as twice:
        training_request("ember", "x.jsonl", "x", {"warmup_ratio": 0.1, **steps})
    assert twice.value.details["field"] == "warmup_ratio"


def on_the_wire(**fields: Any) -> dict[str, Any]:
    settings = TrainingSettings(**fields)
    found: dict[str, Any] = msgspec.msgpack.decode(
        packed(Train(name="x", model="ember", data="x", settings=settings))
    )["settings"]
    return found


def test_the_wire_keeps_the_names_that_older_nodes_know() -> None:
    old_names = {name: old for old, name in aliases.RENAMED.items()}
    only_given = (*aliases.ADDED, *aliases.AUTOMATIC)
    old = {old_names.get(field, field) for field in FIELDS if field not in only_given}
    sent = on_the_wire(lora_rank=4, optim="adamw_8bit", target_modules=("q_proj",))
    assert set(sent) == old
    assert (sent["rank"], sent["eight_bit_moments"], sent["targets"]) == (4, True, ["attn_q"])
    assert set(on_the_wire(warmup_ratio=0.1)) - old == {"warmup_ratio"}
    assert set(on_the_wire(batch_size=8, epochs=1.0)) - old == {"rows", "epochs"}


@pytest.mark.parametrize("names", ["old", "new"])
def test_requests_are_read_by_both_names(names: str) -> None:
    settings = TrainingSettings(lora_rank=4, optim="adamw_8bit", target_modules=("attn_q",))
    wanted = Train(name="x", model="ember", data="x", settings=settings)
    fields = aliases.on_the_wire(settings) if names == "old" else msgspec.to_builtins(settings)
    plain = {"op": "train", "name": "x", "model": "ember", "data": "x", "settings": fields}
    asked = read(msgspec.msgpack.encode(plain))
    assert (asked.operation, asked.ignored) == (wanted, [])
    assert from_json(msgspec.json.encode(plain)) == wanted
    both = {**plain, "settings": {"rank": 4, "lora_rank": 4}}
    with pytest.raises(InvalidRequest, match="the same setting"):
        read(msgspec.msgpack.encode(both))


def test_an_older_node_is_not_asked_for_what_it_would_ignore() -> None:
    older = Hello(1, {"version": "0.2.0", "speaks": {"train": 2}})
    request = training_request("ember", "x.jsonl", "x", {"lora_rank": 4, "max_steps": 3})
    capability_versions.check(request, older)
    for field in aliases.ADDED:
        request = training_request("ember", "x.jsonl", "x", {field: VALUES[field]})
        with pytest.raises(CapabilityMissing, match=rf"\(ingle 0.2.0\) does not have '{field}'"):
            capability_versions.check(request, older)
        capability_versions.check(
            request, Hello(1, {"version": "0.2.1", "speaks": capability_versions.ours()})
        )
