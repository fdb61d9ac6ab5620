"""``ingle train``: LoRA adapters from a person's own examples."""

from __future__ import annotations

import re
import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ingle.capabilities.train.cli.follow_run import attend, told
from ingle.capabilities.train.operation import RunSummary, Train, TrainingSettings
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output, size
from ingle.errors import InvalidRequest

if TYPE_CHECKING:
    from ingle.training.devices import Device
    from ingle.training.examples import Source
    from ingle.training.rendering import TextSpan

PREVIEW = 3
RESUMED = (
    "resume", "device", "wait", "detach", "on", "as_json", "state_dir", "models_dir",
)  # fmt: skip
"""What counts beside ``--resume``."""


@click.command("train")
@click.argument("model", default="")
@click.option("--data", metavar="DATA", help="A file, a folder, or a cached data set's name.")
@click.option("--split", default="", help="Of the data; the one for training if left out.")
@click.option("--columns", default="", metavar="LIST", help="prompt=question,completion=answer")
@click.option("--validation", default="", metavar="DATA", help="Examples to check on.")
@click.option("--name", default="", help="Of the run, and of the adapter it makes.")
@click.option("--resume", default="", metavar="NAME", help="Resume a run that was stopped.")
@click.option("--preview", is_flag=True, help="Show the tokens to train on, and train nothing.")
@click.option("--rank", type=int, default=16, show_default=True)
@click.option("--alpha", type=float, default=0.0, help="Strength; twice the rank if left out.")
@click.option("--targets", default="", metavar="LIST", help="attn_q,attn_v,...; default: all.")
@click.option("--dropout", type=float, default=0.0)
@click.option("--rslora", "rank_stabilised", is_flag=True, help="Scale by the root of the rank.")
@click.option("--rate", type=float, default=2e-4, show_default=True, help="Learning rate.")
@click.option("--schedule", type=click.Choice(["constant", "linear", "cosine"]), default="cosine")
@click.option("--warm-up", type=int, default=10, help="Steps.")
@click.option("--epochs", type=float, default=3.0, show_default=True)
@click.option("--steps", type=int, default=0, help="Instead of epochs.")
@click.option("--rows", type=int, default=8, show_default=True, help="Rows of a step.")
@click.option("--micro-rows", type=int, default=4, help="Rows at once: fewer take less memory.")
@click.option("--sequence", type=int, default=512, show_default=True, help="Tokens of a row.")
@click.option("--decay", type=float, default=0.0, help="Weight decay.")
@click.option("--clip", type=float, default=1.0, help="Largest norm of the gradients.")
@click.option("--eight-bit-moments", is_flag=True, help="Of the optimiser: less memory.")
@click.option("--check-every", type=int, default=0, help="Steps between looks at validation.")
@click.option("--patience", type=int, default=0, help="End after this many looks without progress.")
@click.option("--keep", type=click.Choice(["best", "last"]), default="best", show_default=True)
@click.option("--reward", "rewards", multiple=True, help="What sampled answers are worth.")
@click.option("--group", type=int, default=8, help="Answers to each prompt, with rewards.")
@click.option("--temperature", type=float, default=1.0, help="Of sampled answers.")
@click.option("--max-tokens", type=int, default=256, help="Of a sampled answer.")
@click.option("--slots", type=int, default=0, help="Answers sampled at once; 1: always the same.")
@click.option("--backend", type=click.Choice(["ingle", "trl"]), default="ingle")
@click.option("--install", type=click.Choice(["trl"]), help="Make a back end's environment.")
@click.option("--method", type=click.Choice(["sft", "dpo", "grpo"]), help="With trl: dpo, too.")
@click.option("--full", is_flag=True, help="Train the whole model, not an adapter (trl).")
@click.option("--beta", type=float, default=0.1, help="Of dpo: how dear moving away is.")
@click.option("--processes", type=int, default=1, help="On this node (trl).")
@click.option("--nodes", type=int, default=1, help="Machines that train together (trl).")
@click.option("--node-rank", type=int, default=0, help="Which one this is, from 0.")
@click.option("--address", default="", metavar="HOST:PORT", help="Of the first node.")
@click.option("--seed", type=int, default=0)
@click.option(
    "--device",
    default="",
    help="cuda:0, vulkan:0, cpu, several: cuda:0,cuda:1; list: what there is.",
)
@click.option("--wait", is_flag=True, help="Wait while another run uses the device.")
@click.option("--detach", is_flag=True, help="Return after the first step; the run continues.")
@click.option("--on", default="", metavar="PEER", help="Have a paired device do it.")
@options
def train_command(
    output: Output,
    model: str,
    data: str | None,
    resume: str,
    preview: bool,
    name: str,
    install: str | None,
    **how: Any,
) -> None:
    """Adapt a model to examples of your own: makes a LoRA adapter.

    \b
    {"prompt": "What is our motto?", "completion": "Embers glow."}      is an example; so is
    {"messages": [{"role": "user", ...}, {"role": "assistant", ...}]}

    With --reward answers are sampled and the better ones made likelier (GRPO). A reward is
    [WEIGHT*]KIND: answer, contains or number (compare with the example's "answer"),
    format:REGEX, length:TOKENS, json, finished, python:FILE:FUNCTION.

    With --backend trl another program trains: the whole model (--full), pairs of a better and
    a worse answer (--method dpo: "prompt", "chosen", "rejected"), several processes and nodes.

    The base stays as it is served. Ctrl-C saves; --resume continues.
    """
    if install:
        _install(output)
        return
    if how["device"] == "list":
        _list_devices(output)
        return
    if resume:
        _check_resumed(resume)
        request = Train(
            name=resume, resume=True, wait=how["wait"], detach=how["detach"], on=how["on"],
            settings=TrainingSettings(device=how["device"]),
        )  # fmt: skip
        told(output, attend(output, request))
        return
    if not model or not data:
        raise InvalidRequest(
            "a model and training data are required",
            hint="ingle train MODEL --data FILE",
            field="data",
        )
    if preview:
        from ingle.capabilities.train.trainer_process import check_installed

        check_installed("jinja2", "gguf")
        from ingle.training.examples import Columns, Source

        source = Source.find(data, Columns(how["columns"]))
        run(lambda: _preview(output, model, source, how["split"]))
        return
    how["method"] = how["method"] or ""
    how["targets"] = [target.strip() for target in how["targets"].split(",") if target.strip()]
    told(output, _train(output, model, data, name, how))


def _check_resumed(name: str) -> None:
    """Raises InvalidRequest: beside ``--resume`` something is given that can't change any more."""
    context = click.get_current_context()
    for parameter in context.command.params:
        field = parameter.name or ""
        given = context.get_parameter_source(field) is ParameterSource.COMMANDLINE
        if given and field not in RESUMED:
            flag = next((f for f in parameter.opts if f.startswith("--")), field.upper())
            raise InvalidRequest(
                f"{flag}: a resumed run keeps its settings; only --device may change",
                hint=f"ingle train --resume {name}",
                field=field,
            )


def _install(output: Output) -> None:
    """Make TRL's environment."""
    from ingle.capabilities.train.trl_environment import TrlEnvironment
    from ingle.config import load

    settings, _ = load(flags())
    found = TrlEnvironment(settings).make(output.note)
    if output.json:
        output.data({"python": found.python})
    else:
        output.text(found.python)


def _list_devices(output: Output) -> None:
    """Where training can run, the fastest first."""
    from ingle.training.devices import listing

    found = listing()
    if output.json:
        output.data([{**device._asdict(), "dtype": device.dtype} for device in found])
        return
    output.table(
        ("DEVICE", "MEMORY", "FREE", "WHAT"),
        [
            (
                device.name, _bytes(device.memory_total), _bytes(device.memory_free),
                f"{device.description}{_remark(device)}",
            )
            for device in found
        ],
    )  # fmt: skip


def _bytes(count: int | None) -> str:
    return "?" if count is None else size(count)


def _remark(device: Device) -> str:
    if device.missing:
        return f" (needs: {device.missing})"
    return " (software: never chosen by itself)" if device.software else ""


def _train(
    output: Output, model: str, data: str, name: str, how: dict[str, Any]
) -> RunSummary | None:
    from ingle.capabilities.train.request import ready_to_send, training_request
    from ingle.config import load

    settings, _ = load(flags())
    request = training_request(model, data, name, how)
    return attend(output, ready_to_send(request, settings))


async def _preview(output: Output, model: str, data: Source, split: str) -> None:
    """The first examples as the model will see them; what is learnt stands out."""
    from ingle.client.home import open_async
    from ingle.training.rendering import Renderer
    from ingle.training.vocabulary import Vocabulary

    async with open_async(otherwise="background", **flags()) as home:
        vocabulary = Vocabulary.of(Path((await home.show(model)).files[0]))
    renderer = Renderer(vocabulary.template, vocabulary.begin, vocabulary.end)
    documents = [
        (example.place, pieces)
        for example in islice(data.examples(split), PREVIEW)
        for pieces in renderer.pieces(example)
    ]
    if output.json:
        output.data([[piece._asdict() for piece in pieces] for _, pieces in documents])
        return
    for place, pieces in documents:
        text = click.style(f"--- {place}\n", fg="cyan") + "".join(map(_coloured, pieces))
        output.text(text if sys.stdout.isatty() else _plain(text, pieces))
    output.note("green: trained on; the rest is context; dim: special tokens")


def _coloured(piece: TextSpan) -> str:
    """A piece for a terminal: what is learnt in green, marks of the template dimmed."""
    marks = re.split(r"(<\|[^|<>]+\|>|</?[a-z_]+>)", piece.text)
    colour = "green" if piece.learnt else None
    return "".join(
        click.style(text, fg=colour, dim=number % 2 == 1)
        for number, text in enumerate(marks)
        if text
    )


def _plain(text: str, pieces: list[TextSpan]) -> str:
    """Without colours: what is learnt stands between marks."""
    head = click.unstyle(text).split("\n", 1)[0]
    body = "".join(f"[[{piece.text}]]" if piece.learnt else piece.text for piece in pieces)
    return f"{head}\n{body}"
