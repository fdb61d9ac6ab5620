"""Loss curves: what they show, in the terminal and as pictures."""

from __future__ import annotations

import io
import math
import re
from xml.etree import ElementTree

import click
import pytest

from ingle.capabilities.runs.operation import RunDetails
from ingle.capabilities.train.cli import runs_commands
from ingle.capabilities.train.cli.curves import terminal
from ingle.capabilities.train.cli.curves.chart import Chart, Line, Scale, smooth
from ingle.capabilities.train.cli.curves.png import png
from ingle.capabilities.train.cli.curves.svg import svg
from ingle.capabilities.train.operation import LossPoint, RunSummary

FALLING = [(float(step), 4 * math.exp(-step / 80) + 0.5) for step in range(1, 301)]
CHECKS = [(float(step), loss + 0.5) for step, loss in FALLING[29::30]]
CHART = Chart("guild <on> ember", [
    Line("single steps", FALLING, faint=True),
    Line("loss", smooth(FALLING, 60)),
    Line("validation", CHECKS, marked=True),
])  # fmt: skip


def test_the_terminal_shows_it_falling_within_eighty_columns() -> None:
    text = click.unstyle(terminal.draw(CHART, width=80, height=16))
    rows = text.split("\n")
    assert rows[0] == "guild <on> ember"
    assert max(map(len, rows)) <= 80
    body = rows[1:-3]
    heights = []
    for column in range(9, 79):
        filled = [row for row, line in enumerate(body) if line[column : column + 1].strip()]
        heights.append(min(filled) if filled else len(body))
    filled = [height for height in heights if height < len(body)]
    assert filled[0] < 4
    assert filled[-1] > len(body) - 6
    assert text.count("•") >= 8
    assert "A loss" in rows[-1]
    assert "B validation" in rows[-1]
    assert re.search(r"\d ┤", text)


ODD: list[list[tuple[float, float]]] = [
    [],
    [(1.0, 2.0)],
    [(1.0, 2.0), (2.0, 2.0)],
    [(1.0, math.nan), (2.0, 1.0), (3.0, math.inf)],
]


@pytest.mark.parametrize("points", ODD)
def test_odd_curves_are_drawn_too(points: list[tuple[float, float]]) -> None:
    chart = Chart("odd", [Line("loss", points)])
    assert "A loss" in terminal.draw(chart)
    ElementTree.fromstring(svg(chart))


@pytest.mark.extras
@pytest.mark.parametrize("points", ODD)
def test_odd_curves_are_pictures_too(points: list[tuple[float, float]]) -> None:
    assert png(Chart("odd", [Line("loss", points)]))


def test_scales_have_round_numbers_and_hold_all() -> None:
    for low, high in ((0.013, 7.9), (2.0, 2.0), (-3.0, 1e6), (1.2e-5, 3.1e-5)):
        scale = Scale.over(low, high, 5)
        assert scale.low <= low
        assert scale.high >= high
        assert 2 <= len(scale.ticks) <= 9
    assert Scale.of_steps(1, 12, 5).ticks == [5, 10]
    assert all(tick == int(tick) for tick in Scale.of_steps(1, 3, 8).ticks)


def test_the_picture_is_svg_with_its_lines_and_words() -> None:
    root = ElementTree.fromstring(svg(CHART))
    words = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"guild <on> ember", "loss", "validation", "step"} <= set(words)
    lines = list(root.iter("{http://www.w3.org/2000/svg}polyline"))
    longest = max(lines, key=lambda line: len(line.attrib["points"]))
    points = [tuple(map(float, pair.split(","))) for pair in longest.attrib["points"].split()]
    assert len(points) == 300
    assert points == sorted(points)  # to the right
    assert [y for _, y in points] == sorted(y for _, y in points)  # and down
    assert all(0 <= x <= 960 and 0 <= y <= 540 for x, y in points)


@pytest.mark.extras
def test_the_png_shows_the_same() -> None:
    from PIL import Image

    picture = Image.open(io.BytesIO(png(CHART)))
    assert picture.size == (960, 540)
    colours = {colour for _, colour in picture.getcolors(1 << 20)}
    assert (0, 0x72, 0xB2) in colours
    assert (0xD5, 0x5E, 0) in colours


def test_a_run_with_rewards_shows_rewards() -> None:
    """Its loss is about zero by construction, and says nothing."""
    losses = [
        LossPoint(
            step=step, loss=0.01, reward=step / 10, validation=-step / 10 if step % 2 else None
        )
        for step in range(1, 7)
    ]
    found = RunDetails(
        run=RunSummary(name="sums", best=-0.5, best_step=5, validation=-0.5), plan={}, losses=losses
    )
    chart = Chart("sums", runs_commands._lines_of(found), runs_commands._axis([found]))
    assert {line.name: line.points[-1] for line in chart.lines} == {
        "reward": (6.0, 0.6), "of prompts set apart": (5.0, 0.5)
    }  # fmt: skip
    root = ElementTree.fromstring(svg(chart))
    words = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert words.count("reward") == 2  # the axis, and the line
    assert not any("loss" in (word or "") for word in words)
    assert "A reward" in click.unstyle(terminal.draw(chart))
    shown = dict(runs_commands._pairs(found))
    assert (shown["reward"], shown["set apart"]) == ("0.6000", "0.5000")
    assert shown["best"] == "0.5000 at step 5"
    assert "loss" not in shown
    plain = RunDetails(run=RunSummary(name="facts"), plan={}, losses=[LossPoint(step=1, loss=2.0)])
    assert runs_commands._axis([plain]) == "loss (nats)"
    assert runs_commands._axis([plain, found]) == "loss (nats), or reward"
