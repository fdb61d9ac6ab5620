"""``ingle runs``: training runs, their curves, and what can be done to them."""

from __future__ import annotations

import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from ingle.capabilities.runs.operation import RunDetails
from ingle.capabilities.train import aliases
from ingle.capabilities.train.backends import unused
from ingle.capabilities.train.cli.curves.chart import Chart, Line, smooth
from ingle.capabilities.train.cli.follow_run import attend, told
from ingle.capabilities.train.operation import FollowRun, LossPoint, RunSummary
from ingle.cli.command import flags, options, run
from ingle.cli.output import Output, age
from ingle.errors import InvalidRequest, StorageError
from ingle.jobs.comparing import differences

if TYPE_CHECKING:
    from ingle.client.home import AsyncHome

T = TypeVar("T")
POINTS = 120
"""Of a line in a chart: its steps are averaged to that many."""


class _Runs(click.Group):
    """``ingle runs NAME`` is ``ingle runs show NAME``."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands:
            args = ["show", *args]
        return super().resolve_command(ctx, args)


@click.group("runs", cls=_Runs, invoke_without_command=True)
@options
@click.pass_context
def runs_command(ctx: click.Context, output: Output) -> None:
    """Training runs: list, show, follow, compare, pause, stop, rm.

    Without a command: list; with a run's name: show it.
    """
    if ctx.invoked_subcommand is None:
        _list(output)


@runs_command.command("list")
@options
def list_command(output: Output) -> None:
    """The runs, the one that changed last first."""
    _list(output)


@runs_command.command("show")
@click.argument("name")
@click.option("--svg", type=click.Path(path_type=Path), help="Also write the curve as SVG.")
@click.option("--png", type=click.Path(path_type=Path), help="Also write the curve as PNG.")
@options
def show_command(output: Output, name: str, svg: Path | None, png: Path | None) -> None:
    """A run: what was asked for, how it went, and its curve."""
    found = _current(_ask(lambda home: home.show_run(name)))
    chart = Chart(f"{name} on {found.run.model}", _lines_of(found), _axis([found]))
    _write(output, chart, svg, png)
    if output.json:
        output.data({**msgspec.to_builtins(found), "losses": _named(found.losses)})
        return
    output.pairs(_pairs(found))
    if found.losses:
        output.text("")
        draw(output, chart)


@runs_command.command("follow")
@click.argument("name")
@options
def follow_command(output: Output, name: str) -> None:
    """Watch a running one. Ctrl-C leaves it as it is."""
    told(output, attend(output, FollowRun(name=name)))


@runs_command.command("compare")
@click.argument("names", nargs=-1, required=True)
@click.option("--svg", type=click.Path(path_type=Path), help="Also write the curves as SVG.")
@click.option("--png", type=click.Path(path_type=Path), help="Also write the curves as PNG.")
@options
def compare_command(
    output: Output, names: tuple[str, ...], svg: Path | None, png: Path | None
) -> None:
    """Several runs: what differs in their settings, and their curves in one chart."""
    if len(names) < 2:
        raise InvalidRequest(
            "comparing needs at least two runs", hint="ingle runs compare A B", field="names"
        )

    async def ask(home: AsyncHome) -> list[RunDetails]:
        return [_current(await home.show_run(name)) for name in names]

    found = _ask(ask)
    checked = all(any(p.validation is not None for p in run.losses) for run in found)
    chart = Chart(
        f"validation: {_axis(found)}" if checked else _axis(found),
        [_line(run.run.name, run.losses, checked=checked) for run in found],
        _axis(found),
    )
    _write(output, chart, svg, png)
    differing = dict(differences([run.plan for run in found], but=("name", "base")))
    if output.json:
        output.data({"runs": [run.run for run in found], "differences": differing,
                     "losses": {run.run.name: _named(run.losses) for run in found}})  # fmt: skip
        return
    output.table(
        ("", *names),
        [
            ("state", *(run.run.state for run in found)),
            ("step", *(_step(run.run) for run in found)),
            ("loss", *(_number(run.run.loss) for run in found)),
            ("validation", *(_number(run.run.validation) for run in found)),
            ("best", *(_best(run.run) or "-" for run in found)),
            *((key, *values) for key, values in differing.items()),
        ],
    )
    output.text("")
    draw(output, chart)


@runs_command.command("pause")
@click.argument("name")
@options
def pause_command(output: Output, name: str) -> None:
    """Have a run save and stop; resume it with: ingle train --resume NAME."""
    output.note(_ask(lambda home: home.stop_run(name)))


@runs_command.command("stop")
@click.argument("name")
@options
def stop_command(output: Output, name: str) -> None:
    """End a run (also a paused one) as it is: its adapter goes into the store."""
    output.note(_ask(lambda home: home.stop_run(name, keep=True)))


@runs_command.command("rm")
@click.argument("names", nargs=-1, required=True)
@options
def rm_command(output: Output, names: tuple[str, ...]) -> None:
    """Delete runs: data, states and curves. Adapters in the store stay."""

    async def remove(home: AsyncHome) -> None:
        for name in names:
            await home.remove_run(name)
            output.note(f"{name} is deleted")

    _ask(remove)


def _ask(question: Callable[[AsyncHome], Awaitable[T]]) -> T:
    async def work() -> T:
        from ingle.client.home import open_async

        async with open_async(otherwise="background", **flags()) as home:
            return await question(home)

    return run(work)


def _list(output: Output) -> None:
    found = _ask(lambda home: home.runs())
    if output.json:
        output.data(found)
    elif found:
        output.table(
            ("NAME", "MODEL", "STATE", "STEP", "LOSS", "VALIDATION", "CHANGED"),
            [
                (
                    run.name, run.model, f"{run.state} on {run.on}" if run.on else run.state,
                    _step(run), _number(run.loss), _number(run.validation),
                    f"{age(time.time() - run.changed)} ago",
                )
                for run in found
            ],
        )  # fmt: skip
    else:
        output.note("there are no training runs yet; start one with: ingle train MODEL --data FILE")


def _pairs(found: RunDetails) -> list[tuple[str, str]]:
    run, plan = found.run, found.plan
    hidden = ("name", "model", "base", "data_sha256", *unused(plan))
    return [
        ("name", run.name),
        ("model", run.model),
        ("state", f"{run.state} on {run.on}" if run.on else run.state),
        ("error", run.error),
        ("try", run.hint),
        ("step", _step(run)),
        *_results(found),
        ("adapter", run.adapter),
        ("made", run.made),
        ("folder", run.folder),
        *((key, _text(value)) for key, value in plan.items() if key not in hidden),
    ]


def _results(found: RunDetails) -> list[tuple[str, str]]:
    run = found.run
    if not _rewarded(found):
        return [
            ("loss", _number(run.loss)),
            ("validation", _number(run.validation)),
            ("best", _best(run)),
        ]
    best = "" if run.best is None else f"{-run.best:.4f} at step {run.best_step}"
    return [
        ("reward", _number(found.losses[-1].reward)),
        ("set apart", _number(None if run.validation is None else -run.validation)),
        ("best", best),
    ]


def _rewarded(found: RunDetails) -> bool:
    return any(point.reward is not None for point in found.losses)


def _axis(found: list[RunDetails]) -> str:
    """What the numbers of runs are, in a chart."""
    rewarded = {_rewarded(run) for run in found}
    if len(rewarded) > 1:
        return "loss (nats), or reward"
    return "reward" if rewarded == {True} else "loss (nats)"


def _lines_of(found: RunDetails) -> list[Line]:
    steps = _steps(found.losses)
    lines = [Line("single steps", steps, faint=True)] if len(steps) > POINTS else []
    rewarded = _rewarded(found)
    lines.append(Line("reward" if rewarded else "loss", smooth(steps, POINTS)))
    if any(point.validation is not None for point in found.losses):
        name = "of prompts set apart" if rewarded else "validation"
        lines.append(_line(name, found.losses, checked=True))
    return lines


def _line(name: str, losses: list[LossPoint], *, checked: bool) -> Line:
    if not checked:
        return Line(name, smooth(_steps(losses), POINTS))
    looks = [
        # With rewards it is minus their mean, so that lower is better everywhere.
        (float(p.step), p.validation if p.reward is None else -p.validation)
        for p in losses
        if p.validation is not None
    ]
    return Line(name, looks, marked=True)


def _current(found: RunDetails) -> RunDetails:
    """A run with today's names; a background node of an older version sends its own."""
    return msgspec.structs.replace(found, plan=aliases.current(found.plan))


def _named(losses: list[LossPoint]) -> list[dict[str, Any]]:
    return [point.named() for point in losses]


def _steps(losses: list[LossPoint]) -> list[tuple[float, float]]:
    """Each step's reward where there is one: the loss says little then; else its loss."""
    return [(float(p.step), p.loss if p.reward is None else p.reward) for p in losses]


def draw(output: Output, chart: Chart) -> None:
    """A chart as wide as the terminal, without colours where no one sees them."""
    import shutil

    from ingle.capabilities.train.cli.curves import terminal

    text = terminal.draw(chart, width=min(120, shutil.get_terminal_size((80, 24)).columns))
    output.text(text if sys.stdout.isatty() else click.unstyle(text))


def _write(output: Output, chart: Chart, svg: Path | None, png: Path | None) -> None:
    try:
        if svg is not None:
            from ingle.capabilities.train.cli.curves.svg import svg as as_svg

            svg.write_text(as_svg(chart), encoding="utf-8")
            output.note(f"{svg} was written")
        if png is not None:
            from ingle.capabilities.train.cli.curves.png import png as as_png

            png.write_bytes(as_png(chart))
            output.note(f"{png} was written")
    except OSError as error:
        raise StorageError(f"{error.filename}: {error.strerror}") from None


def _step(run: RunSummary) -> str:
    return f"{run.step}/{run.steps}" if run.steps else str(run.step)


def _best(run: RunSummary) -> str:
    return "" if run.best is None else f"{run.best:.4f} at step {run.best_step}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
