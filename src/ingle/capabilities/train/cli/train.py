"""``ingle train``: LoRA adapters from a person's own examples."""

from __future__ import annotations

import asyncio
import re
import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ingle.capabilities.tokenize.operation import Tokenize, Tokenized
from ingle.capabilities.train.cli import sample_answers
from ingle.capabilities.train.cli.flags import SectionedCommand, given, settings_flags
from ingle.capabilities.train.cli.follow_run import attend, told
from ingle.capabilities.train.operation import RunSummary, Train, TrainingSettings
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output, size
from ingle.errors import InvalidRequest

if TYPE_CHECKING:
    from ingle.training.devices import Device
    from ingle.training.examples import Source
    from ingle.training.rendering import TokenSpan

PREVIEW = 3
RESUMED = (
    "resume", "device", "wait", "detach", "on", "as_json", "state_dir", "models_dir",
)  # fmt: skip
"""What counts beside ``--resume``."""
FIELDS = ("split", "columns", "validation", "wait", "detach", "on")
"""Of the request, beside its settings."""


@click.command("train", cls=SectionedCommand)
@click.argument("model", default="")
@click.option("--data", metavar="DATA", help="A file, a folder, or a cached data set's name.")
@click.option("--split", default="", help="Split of the data; by default the one for training.")
@click.option(
    "--columns",
    default="",
    metavar="LIST",
    help="Names of columns: prompt=question,completion=answer.",
)
@click.option("--validation", default="", metavar="DATA", help="Data to evaluate on.")
@click.option(
    "--name", default="", help="Name of the run and of its adapter; by default the data's."
)
@click.option("--resume", default="", metavar="NAME", help="Resume a run that was stopped.")
@click.option("--preview", is_flag=True, help="Show what would be learned, and train nothing.")
@click.option("--tokens", is_flag=True, help="With --preview: show the ids of the tokens, too.")
@click.option("--install", type=click.Choice(["trl"]), help="Make TRL's environment, and end.")
@click.option("--wait", is_flag=True, help="Wait while another run uses the device.")
@click.option("--detach", is_flag=True, help="Return after the first step; the run continues.")
@click.option("--on", default="", metavar="PEER", help="Have a paired device do it.")
@settings_flags
@options
def train_command(
    output: Output,
    model: str,
    data: str | None,
    resume: str,
    preview: bool,
    tokens: bool,
    name: str,
    install: str | None,
    **how: Any,
) -> None:
    """Fine-tune a model on your own examples: makes a LoRA adapter.

    \b
    {"prompt": "What is our motto?", "completion": "Embers glow."}      is an example; so is
    {"messages": [{"role": "user", ...}, {"role": "assistant", ...}]}

    With --reward-funcs answers are sampled and the better ones made likelier (GRPO). A reward
    is [WEIGHT*]KIND: answer, contains or number (compare with the example's "answer"),
    format:REGEX, length:TOKENS, json, finished, python:FILE:FUNCTION.

    With --backend trl TRL trains: the whole model (--full), pairs of a better and
    a worse answer (--method dpo: "prompt", "chosen", "rejected"), several processes and nodes.

    The base model is not changed. Ctrl-C saves; --resume continues.
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
            settings=TrainingSettings(device=how["device"] or ""),
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
        source = _source(data, how["columns"])
        settings = given(output)
        last = bool(settings.get("last_turn_only"))
        template = _checked_template(settings)
        run(
            lambda: _preview(
                output, model, source, how["split"], tokens=tokens, last=last, template=template
            )
        )
        return
    settings = given(output)
    fields = {field: how[field] for field in FIELDS}
    ended = _train(output, model, data, name, {**fields, **settings})
    told(output, ended)
    if ended is None or not ended.adapter or how["on"] or output.json:
        return
    if not settings.get("reward_funcs") and settings.get("method") in (None, "sft"):
        source = _source(data, how["columns"])
        speaks = bool(settings.get("template"))
        run(lambda: sample_answers.show(output, ended, source, how["split"], speaks))


def _source(data: str, columns: str) -> Source:
    from ingle.capabilities.train.trainer_process import check_installed

    check_installed("jinja2", "gguf")
    from ingle.training.examples import Columns, Source

    return Source.find(data, Columns(columns))


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


def _checked_template(settings: dict[str, Any]) -> str:
    """The text of the template that is asked for, or its name; empty: the model's own."""
    from ingle.capabilities.train.request import training_request
    from ingle.models import known_templates

    template = training_request("", "", "preview", settings).settings.template
    known_templates.check(template)
    return template


async def _preview(
    output: Output, model: str, data: Source, split: str, *, tokens: bool, last: bool, template: str
) -> None:
    """The first examples as the model will see them; what is learnt stands out."""
    from ingle.client.home import open_async
    from ingle.training import template_check
    from ingle.training.rendering import Renderer
    from ingle.training.vocabulary import Vocabulary

    async with open_async(otherwise="background", **flags()) as home:
        details = await home.show(model)
        base = Path(details.files[0])
        vocabulary = Vocabulary.of(base)
        given_template = vocabulary.template_of(base, template)
        if template := given_template or details.template:
            await asyncio.to_thread(template_check.check, template, details.name)

        async def asked(question: Tokenize) -> Tokenized:
            return await home.ask(question, Tokenized)

        renderer = Renderer(
            asked, model=details.name, template=bool(template), given_template=given_template,
            end=vocabulary.end, last_turn_only=last,
        )  # fmt: skip
        documents = [
            (example.place, spans)
            for example in islice(data.examples(split), PREVIEW)
            for spans in await renderer.documents(example)
        ]
    if output.json:
        output.data([[span._asdict() for span in spans] for _, spans in documents])
        return
    for place, spans in documents:
        text = click.style(f"--- {place}\n", fg="cyan") + "".join(map(_coloured, spans))
        output.text(text if sys.stdout.isatty() else _plain(text, spans))
        if tokens:
            output.text(_ids(spans))
    output.note("green: trained on; the rest is context; dim: special tokens")


def _coloured(span: TokenSpan) -> str:
    """A span for a terminal: what is learnt in green, marks of the template dimmed."""
    marks = re.split(r"(<\|[^|<>]+\|>|</?[a-z_]+>)", span.text)
    colour = "green" if span.learnt else None
    return "".join(
        click.style(text, fg=colour, dim=number % 2 == 1)
        for number, text in enumerate(marks)
        if text
    )


def _plain(text: str, spans: list[TokenSpan]) -> str:
    """Without colours: what is learnt stands between marks."""
    head = click.unstyle(text).split("\n", 1)[0]
    body = "".join(f"[[{span.text}]]" if span.learnt else span.text for span in spans)
    return f"{head}\n{body}"


def _ids(spans: list[TokenSpan]) -> str:
    """The tokens of a document; those that are learnt stand between marks."""
    parts = [(" ".join(map(str, span.tokens)), span.learnt) for span in spans]
    return "tokens: " + " ".join(f"[[{ids}]]" if learnt else ids for ids, learnt in parts)
