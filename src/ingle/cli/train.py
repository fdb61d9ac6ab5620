"""``ingle train`` and ``ingle runs``: LoRA adapters from a person's own examples."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ingle.cli.command import flags, options, run
from ingle.cli.output import Output, age, size
from ingle.errors import EngineMissing, InvalidRequest, NotFound

if TYPE_CHECKING:
    from ingle.client.home import AsyncHome
    from ingle.training.examples import Source
    from ingle.training.rendering import Piece
    from ingle.training.run import Run

PREVIEW = 3


@click.command("train")
@click.argument("model", default="")
@click.option("--data", metavar="DATA", help="A file, a folder, or a cached data set's name.")
@click.option("--split", default="", help="Of the data; the one for training if left out.")
@click.option("--columns", default="", metavar="LIST", help="prompt=question,completion=answer")
@click.option("--name", default="", help="Of the run, and of the adapter it makes.")
@click.option("--resume", default="", metavar="NAME", help="Go on with a run that was stopped.")
@click.option("--preview", is_flag=True, help="Show what would be learnt, and train nothing.")
@click.option("--validation", metavar="DATA", help="Examples to check on.")
@click.option("--rank", type=int, default=16, show_default=True)
@click.option("--alpha", type=float, help="Strength; twice the rank if left out.")
@click.option("--targets", default="", metavar="LIST", help="attn_q,attn_v,...; default: all.")
@click.option("--dropout", type=float, default=0.0)
@click.option("--rslora", is_flag=True, help="Scale by the root of the rank.")
@click.option("--rate", type=float, default=2e-4, show_default=True, help="Learning rate.")
@click.option("--schedule", type=click.Choice(["constant", "linear", "cosine"]), default="cosine")
@click.option("--warm-up", type=int, default=10, help="Steps.")
@click.option("--epochs", type=float, default=3.0, show_default=True)
@click.option("--steps", type=int, default=0, help="Instead of epochs.")
@click.option("--rows", type=int, default=8, show_default=True, help="Rows of a step.")
@click.option("--micro-rows", type=int, default=4, help="Rows at once: fewer take less memory.")
@click.option("--sequence", type=int, default=512, show_default=True, help="Tokens of a row.")
@click.option("--seed", type=int, default=0)
@click.option("--device", default="", help="cpu or cuda; default: cuda where there is one.")
@options
def train_command(
    output: Output, model: str, data: str, name: str, resume: str, preview: bool, **how: Any
) -> None:
    """Adapt a model to examples of your own: makes a LoRA adapter.

    \b
    {"prompt": "What is our motto?", "completion": "Embers glow."}      is an example; so is
    {"messages": [{"role": "user", ...}, {"role": "assistant", ...}]}

    The base stays as it is served. Ctrl-C saves; go on with --resume.
    """
    _check_installed()
    if resume:
        from ingle.training.run import Run

        _train(output, Run.resume(_runs() / resume))
        return
    if not model or not data:
        raise InvalidRequest(
            "a model and examples are needed", hint="ingle train MODEL --data FILE", field="data"
        )
    from ingle.training.examples import Columns, Source

    source = Source.find(data, Columns(how["columns"]))
    if preview:
        run(lambda: _preview(output, model, source, how["split"]))
        return
    _train(output, run(lambda: _begin(output, model, source, name or Path(data).stem, how)))


@click.command("runs")
@click.argument("name", default="")
@options
def runs_command(output: Output, name: str) -> None:
    """Training runs: all, or the losses of one."""
    folders = sorted(path.parent for path in _runs().glob("*/run.json"))
    if name:
        folders = [folder for folder in folders if folder.name == name]
        if not folders:
            raise NotFound(f"there is no run {name!r}", hint="ingle runs")
        _show(output, folders[0])
        return
    rows = [_summary(folder) for folder in folders]
    if output.json:
        output.data(rows)
    elif rows:
        output.table(
            ("NAME", "MODEL", "STEP", "LOSS", "VALIDATION", "CHANGED"),
            [
                (
                    row["name"], row["model"], str(row["step"]), _number(row["loss"]),
                    _number(row["validation"]), f"{age(time.time() - row['changed'])} ago",
                )
                for row in rows
            ],
        )  # fmt: skip
    else:
        output.note("nothing was trained yet; begin with: ingle train MODEL --data FILE")


def _check_installed() -> None:
    import importlib.util

    missing = [
        name
        for name in ("torch", "safetensors", "jinja2", "gguf")
        if importlib.util.find_spec(name) is None
    ]
    if missing:
        raise EngineMissing(
            f"training needs {', '.join(missing)}, which the core installation leaves out",
            hint="pip install 'ingle[train]'",
        )


def _runs() -> Path:
    from ingle.config import load

    settings, _ = load(flags())
    return settings.state_path / "runs"


async def _begin(output: Output, model: str, data: Source, name: str, how: dict[str, Any]) -> Run:
    """Prepare the data with the model's own template and tokeniser, and write down the plan."""
    import msgspec
    import torch

    from ingle.client.home import open_async
    from ingle.training import preparation
    from ingle.training.examples import Source
    from ingle.training.lora import TARGETS
    from ingle.training.plan import Plan
    from ingle.training.rendering import Renderer
    from ingle.training.run import Run
    from ingle.training.vocabulary import Vocabulary

    folder = _runs() / name
    if (folder / "run.json").exists():
        raise InvalidRequest(
            f"there is a run {name!r} already",
            hint=f"ingle train --resume {name}, or give another --name",
            field="name",
        )
    async with open_async(otherwise="background", **flags()) as home:
        details = await home.show(model)
        base = Path(details.files[0])
        vocabulary = Vocabulary.of(base)
        device = how["device"] or ("cuda" if torch.cuda.is_available() else "cpu")
        targets = tuple(t.strip() for t in how["targets"].split(",") if t.strip()) or TARGETS
        plan_fields = {
            "name": name, "model": details.name, "digest": details.digest, "base": str(base),
            "data": data.name, "data_sha256": "", "rank": how["rank"],
            "alpha": how["alpha"] or 2.0 * how["rank"], "targets": targets,
            "rank_stabilised": how["rslora"], "dropout": how["dropout"], "rate": how["rate"],
            "schedule": how["schedule"], "warm_up": how["warm_up"], "epochs": how["epochs"],
            "steps": how["steps"], "rows": how["rows"], "micro_rows": how["micro_rows"],
            "sequence": how["sequence"], "seed": how["seed"], "device": device,
            "dtype": "bfloat16" if device.startswith("cuda") else "float32",
        }  # fmt: skip
        try:
            plan = msgspec.convert(plan_fields, Plan)
        except msgspec.ValidationError as error:
            raise InvalidRequest(f"this is no plan: {error}", field="plan") from None
        prepared = await preparation.prepare(
            data,
            folder,
            Renderer(vocabulary.template, vocabulary.begin, vocabulary.end),
            lambda text: home.tokenize(text, details.name),
            sequence=plan.sequence,
            vocabulary=vocabulary.size,
            split=how["split"],
            validation=Source.find(how["validation"]) if how["validation"] else None,
            seed=plan.seed,
        )
    for sentence in prepared.sentences(plan.sequence):
        output.note(sentence)
    plan = msgspec.structs.replace(plan, data_sha256=prepared.sha256)
    (folder / "run.json").write_bytes(msgspec.json.format(msgspec.json.encode(plan)))
    return Run.resume(folder)


def _train(output: Output, training: Run) -> None:
    """Train, show how it goes, and put the adapter into the store."""

    def stop(*_: Any) -> None:
        training.stopping = True

    training.check_memory()
    output.note(f"about {size(training.needs().total)} of memory, on {training.plan.device}")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    last = None
    for last in training.train():
        checked = "" if last.validation is None else f"  validation {last.validation:.4f}"
        line = (
            f"step {last.step}/{last.steps}  loss {last.loss:.4f}{checked}  "
            f"{last.tokens_per_s:.0f} tokens/s  {age(last.left_s)} left"
        )
        if not output.json and (checked or last.step % max(1, last.steps // 20) == 0):
            output.note(line)
    name = training.plan.name
    path = training.write_adapter()
    if training.step < training.steps:
        output.note(f"\nsaved at step {training.step}; go on with: ingle train --resume {name}")
        raise SystemExit(130)

    async def keep(home: AsyncHome) -> None:
        if name in [adapter.name for adapter in await home.adapters()]:
            await home.remove_adapter(name)
        await home.add_adapter(path, name)

    async def store() -> None:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            await keep(home)

    run(store)
    if output.json:
        output.data(_summary(training.folder))
    else:
        output.text(f"{name}  {size(path.stat().st_size)}")
        output.note(f'use it: ingle run {training.plan.model}+{name} "..."')


async def _preview(output: Output, model: str, data: Source, split: str) -> None:
    """The first examples as the model will see them; what is learnt stands out."""
    from itertools import islice

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
        output.text(click.style(f"--- {place}", fg="cyan"))
        output.text("".join(map(_coloured, pieces)))
    output.note("green: learnt; the rest is only read; dim: special tokens and marks")


def _coloured(piece: Piece) -> str:
    """A piece for a terminal: what is learnt in green, marks of the template dimmed."""
    marks = re.split(r"(<\|[^|<>]+\|>|</?[a-z_]+>)", piece.text)
    colour = "green" if piece.learnt else None
    return "".join(
        click.style(text, fg=colour, dim=number % 2 == 1)
        for number, text in enumerate(marks)
        if text
    )


def _summary(folder: Path) -> dict[str, Any]:
    plan = json.loads((folder / "run.json").read_text())
    lines = _losses(folder)
    checked = [line["validation"] for line in lines if "validation" in line]
    newest = max(path.stat().st_mtime for path in folder.iterdir())
    return {
        "name": plan["name"],
        "model": plan["model"],
        "step": lines[-1]["step"] if lines else 0,
        "loss": lines[-1]["loss"] if lines else None,
        "validation": checked[-1] if checked else None,
        "changed": newest,
        "adapter": str(folder / "adapter.gguf"),
    }


def _show(output: Output, folder: Path) -> None:
    plan = json.loads((folder / "run.json").read_text())
    lines = _losses(folder)
    if output.json:
        output.data({"plan": plan, "losses": lines})
        return
    output.pairs([(key, str(value)) for key, value in plan.items()])
    every = max(1, len(lines) // 20)
    rows = [
        (str(line["step"]), _number(line["loss"]), _number(line.get("validation")))
        for line in lines
        if line["step"] % every == 0 or "validation" in line
    ]
    if rows:
        output.text("")
        output.table(("STEP", "LOSS", "VALIDATION"), rows)


def _losses(folder: Path) -> list[dict[str, Any]]:
    path = folder / "losses.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
