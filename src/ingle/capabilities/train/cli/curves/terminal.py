"""A chart in text: dots of braille, eight in each letter."""

from __future__ import annotations

import math

import click

from ingle.capabilities.train.cli.curves.chart import Chart, Line, Scale

COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "red")
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bits of a braille letter: four rows of two dots (Unicode, block U+2800)."""
_EDGE = 9
"""Letters left of the plot, for numbers."""


def draw(chart: Chart, *, width: int = 80, height: int = 16) -> str:
    """The chart as text of that many letters and lines; colours as ANSI codes.

    Each line ends with its letter, so that it reads without colours, too.
    """
    columns, rows = max(20, width - _EDGE - 1), max(4, height - 3)
    x, y = chart.scales(5, rows // 3)
    cells: dict[tuple[int, int], tuple[int, int]] = {}
    letters: dict[tuple[int, int], tuple[str, int]] = {}
    lines = [line for line in chart.lines if not line.faint]
    for number, line in enumerate(lines):
        _line(cells, letters, number, line, x, y, columns, rows)
    marks = {round((1 - y.place(tick)) * (rows - 1)): tick for tick in y.ticks}
    text = []
    for row in range(rows):
        edge = f"{_number(marks[row]):>{_EDGE - 2}} ┤" if row in marks else " " * (_EDGE - 1) + "│"
        body = "".join(_cell(cells, letters, column, row) for column in range(columns))
        text.append(edge + body)
    text.append(" " * (_EDGE - 1) + "└" + "─" * columns)
    text.append(" " * _EDGE + _steps(x, columns))
    text.append(" " * _EDGE + "   ".join(
        click.style(f"{_letter(number)} {line.name}", fg=COLOURS[number % len(COLOURS)])
        for number, line in enumerate(lines)
    ))  # fmt: skip
    return "\n".join([chart.title, *text] if chart.title else text)


def _line(
    cells: dict[tuple[int, int], tuple[int, int]],
    letters: dict[tuple[int, int], tuple[str, int]],
    number: int,
    line: Line,
    x: Scale,
    y: Scale,
    columns: int,
    rows: int,
) -> None:
    wide, high = columns * 2 - 1, rows * 4 - 1
    before: tuple[int, int] | None = None
    for step, loss in line.points:
        if not math.isfinite(loss):
            before = None
            continue
        across = round(x.place(step) * wide)
        down = round((1 - min(1.0, y.place(loss))) * high)
        for column, row in _between(before or (across, down), (across, down)):
            key = (column // 2, row // 4)
            bits, _ = cells.get(key, (0, number))
            cells[key] = (bits | _DOTS[row % 4][column % 2], number)
        before = (across, down)
        if line.marked:
            letters[across // 2, down // 4] = ("•", number)
    if before is not None:
        letters[before[0] // 2, before[1] // 4] = (_letter(number), number)


def _between(a: tuple[int, int], b: tuple[int, int]) -> list[tuple[int, int]]:
    """The dots of a straight line."""
    length = max(abs(b[0] - a[0]), abs(b[1] - a[1]), 1)
    return [
        (a[0] + round((b[0] - a[0]) * part / length), a[1] + round((b[1] - a[1]) * part / length))
        for part in range(length + 1)
    ]


def _cell(
    cells: dict[tuple[int, int], tuple[int, int]],
    letters: dict[tuple[int, int], tuple[str, int]],
    column: int,
    row: int,
) -> str:
    if (column, row) in letters:
        letter, number = letters[column, row]
        return click.style(letter, fg=COLOURS[number % len(COLOURS)], bold=True)
    if (column, row) in cells:
        bits, number = cells[column, row]
        return click.style(chr(0x2800 + bits), fg=COLOURS[number % len(COLOURS)])
    return " "


def _steps(x: Scale, columns: int) -> str:
    text = [" "] * columns
    free = 0
    for tick in x.ticks:
        label = _number(tick)
        at = min(round(x.place(tick) * (columns - 1)), columns - len(label))
        if at >= free:
            text[at : at + len(label)] = label
            free = at + len(label) + 1
    return "".join(text)


def _letter(number: int) -> str:
    return chr(ord("A") + number % 26)


def _number(value: float) -> str:
    return f"{value:g}"
