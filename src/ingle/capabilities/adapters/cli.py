"""``ingle adapter``: LoRA adapters."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from ingle.capabilities.adapters.operation import AdapterDetails
from ingle.capabilities.store.operation import ModelDetails
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output, age, size
from ingle.errors import EngineMissing, InvalidRequest

if TYPE_CHECKING:
    from ingle.client.home import AsyncHome

T = TypeVar("T")
SETTINGS = ("learning_rate", "lr_scheduler_type", "epochs", "seed")
"""Of its training, that are shown."""


@click.group("adapter")
def adapter_command() -> None:
    """LoRA adapters: small files that change what a model does.

    Use one with: ingle run MODEL+NAME "..."
    """


@adapter_command.command("add")
@click.argument("path", type=click.Path(exists=True))
@click.option("--name", default="", help="What to call it (default: the file's name).")
@click.option("--link", is_flag=True, help="Use the file in place instead of copying it.")
@click.option("--for", "base", default="", metavar="MODEL", help="Base model of a PEFT folder.")
@options
def add_command(output: Output, path: str, name: str, link: bool, base: str) -> None:
    """Take in an adapter: a GGUF file, or a folder as PEFT writes it."""
    adapter = _ask(lambda home: home.add_adapter(path, name, link=link, base=base))
    if output.json:
        output.data(adapter)
    else:
        output.text(f"{adapter.name}  {adapter.digest}")


@adapter_command.command("list")
@options
def list_command(output: Output) -> None:
    """The adapters that are here; NAME:2 is a version, NAME the last one."""
    adapters = _ask(lambda home: home.adapters())
    if output.json:
        output.data(adapters)
        return
    rows = [
        (
            adapter.name,
            adapter.digest.removeprefix("sha256:")[:12],
            size(adapter.size),
            adapter.architecture,
            f"{age(time.time() - adapter.added)} ago",
        )
        for adapter in adapters
    ]
    output.table(("NAME", "DIGEST", "SIZE", "FOR", "ADDED"), rows)


@adapter_command.command("show")
@click.argument("name")
@options
def show_command(output: Output, name: str) -> None:
    """An adapter: its base, how it was trained, and its curve."""
    found = _ask(lambda home: home.show_adapter(name))
    if output.json:
        output.data(found)
        return
    adapter, last = found.adapter, found.losses[-1] if found.losses else None
    checked = [point for point in found.losses if point[2] is not None]
    settings = {name: value for name, value in found.plan.items() if name in SETTINGS}
    output.pairs(
        [
            ("name", adapter.name),
            ("digest", adapter.digest),
            ("source", adapter.source),
            ("size", size(adapter.size)),
            ("architecture", adapter.architecture),
            ("base", f"{found.model} {found.base}".strip()),
            *(("allowed on", digest) for digest in found.allowed),
            ("rank", str(found.rank)),
            ("alpha", f"{found.alpha:g}"),
            ("targets", ",".join(found.targets)),
            ("data", f"sha256:{found.data}" if found.data else ""),
            ("step", str(found.step or "")),
            ("loss", f"{last[1]:.4f}" if last and last[1] is not None else ""),
            ("validation", f"{checked[-1][2]:.4f}" if checked else ""),
            *((key, str(value)) for key, value in settings.items()),
            ("file", found.path),
        ]
    )
    if len(found.losses) > 1:
        output.text("")
        _draw(output, found)


@adapter_command.command("allow")
@click.argument("name")
@click.argument("model")
@options
def allow_command(output: Output, name: str, model: str) -> None:
    """Use an adapter on a model that is not its base: the same one, requantised."""
    _ask(lambda home: home.allow_adapter(name, model))
    output.note(f"{name} can now be used with {model}")


@adapter_command.command("merge")
@click.argument("model")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="PATH")
@click.option(
    "--format", "form", type=click.Choice(["gguf", "safetensors"]), default="gguf",
    show_default=True, help="A GGUF file, or a folder for transformers.",
)  # fmt: skip
@click.option(
    "--type", "kind", default="", metavar="TYPE",
    help="F32, F16, BF16, Q8_0; default: the base's type (safetensors: BF16).",
)  # fmt: skip
@options
def merge_command(output: Output, model: str, out: Path, form: str, kind: str) -> None:
    """Bake adapters into a model: ingle adapter merge MODEL+ADAPTER --out FILE.

    \b
    MODEL+A=0.5+B        half of A, and B
    """
    base, parts = _ask(lambda home: _parts(home, model))
    try:
        from ingle.training import hugging_face, merging
    except ImportError as error:
        raise EngineMissing(
            f"merging needs {error.name}, which the core installation does not include",
            hint="pip install 'ingle[train]'",
        ) from None
    merged = merging.MergedModel(
        Path(base.files[0]),
        [
            merging.WeightedAdapter(d.adapter.name, Path(d.path), d.adapter.digest, s)
            for d, s in parts
        ],
        base.name,
    )
    if form == "gguf":
        merging.write_gguf(merged, out, kind.upper() if kind else merging.KEEP)
        output.note(f"use it with: ingle pull {out}")
    elif not hugging_face.write(merged, out, kind.upper() or "BF16"):
        output.note("written without a tokenizer: transformers is missing, or does not support it")
    if output.json:
        output.data({"path": str(out), "model": base.name, "adapters": model.split("+")[1:]})
    else:
        output.text(str(out))


@adapter_command.command("share")
@click.argument("name")
@click.option("--lan", is_flag=True, help="Share with everyone on the local network.")
@click.option("--public", is_flag=True, help="Share with everyone on the internet.")
@options
def share_command(output: Output, name: str, lan: bool, public: bool) -> None:
    """Let others have an adapter; paired devices fetch it with: ingle pull +NAME@THIS."""
    from ingle.capabilities.share.cli import share

    share(output, f"+{name}", lan=lan, public=public)


@adapter_command.command("rm")
@click.argument("name")
@options
def rm_command(output: Output, name: str) -> None:
    """Forget an adapter with all its versions, or one of them (NAME:2)."""
    _ask(lambda home: home.remove_adapter(name))
    output.note(f"{name} was removed")


def _ask(question: Callable[[AsyncHome], Awaitable[T]]) -> T:
    async def work() -> T:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            return await question(home)

    return run(work)


async def _parts(
    home: AsyncHome, text: str
) -> tuple[ModelDetails, list[tuple[AdapterDetails, float]]]:
    """The base and the adapters of ``MODEL+ADAPTER=SCALE``, each checked to fit."""
    from ingle.capabilities.complete.operation import Complete
    from ingle.node.routes import split_adapters

    asked = split_adapters(Complete(model=text, prompt=""))
    assert isinstance(asked, Complete)
    if not asked.adapters:
        raise InvalidRequest(
            "no adapter was given",
            hint="ingle adapter merge MODEL+ADAPTER --out FILE",
            field="model",
        )
    base = await home.show(asked.model)
    parts = []
    for use in asked.adapters:
        details = await home.show_adapter(use.name)
        if details.base not in ("", base.digest, *details.allowed):
            raise InvalidRequest(
                f"{use.name} was trained on {details.model}, not on {base.name}",
                hint=f"if both are the same model: ingle adapter allow {use.name} {base.name}",
                field="model",
            )
        parts.append((details, use.scale))
    return base, parts


def _draw(output: Output, found: AdapterDetails) -> None:
    from ingle.capabilities.train.cli.curves.chart import Chart, Line
    from ingle.capabilities.train.cli.runs_commands import draw

    steps = [(float(s or 0), float(loss)) for s, loss, _ in found.losses if loss is not None]
    checks = [(float(s or 0), float(look)) for s, _, look in found.losses if look is not None]
    lines = [Line("loss", steps)]
    if checks:
        lines.append(Line("validation", checks, marked=True))
    draw(output, Chart("", lines))
