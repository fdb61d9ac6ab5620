"""The order in which a page is read: nothing is lost, whichever way the page lies."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingle.capabilities.ocr.operation import OcrBlock, OcrLine, OcrWord, Polygon, chosen_pages
from ingle.errors import InvalidRequest
from ingle.pages.geometry import Box, angle_of, around, box_polygon, page_angle, part, turned
from ingle.pages.plain_text import table_rows
from ingle.pages.reading_order import ordered_blocks

WIDTH, HEIGHT = 2000, 2400


def placed(text: str, left: float, top: float, width: float = 0, height: float = 30) -> OcrLine:
    """A line with its words, each letter 15 pixels wide where no width is given."""
    box = Box(left, top, left + (width or 15 * len(text)), top + height)
    polygon = box_polygon(box)
    words, at = [], 0
    for word in text.split():
        start = text.index(word, at)
        at = start + len(word)
        place = part(polygon, start / len(text), at / len(text))
        words.append(OcrWord(text=word, polygon=place))
    return OcrLine(text=text, polygon=polygon, words=words)


def moved(line: OcrLine, quarters: int) -> OcrLine:
    def move(polygon: Polygon) -> Polygon:
        return turned(polygon, quarters, WIDTH, HEIGHT)

    return OcrLine(
        text=line.text,
        polygon=move(line.polygon),
        words=[OcrWord(text=word.text, polygon=move(word.polygon)) for word in line.words],
    )


def texts(blocks: list[OcrBlock]) -> list[str]:
    return [line.text for block in blocks for line in block.lines]


boxes = st.builds(
    placed,
    st.sampled_from(["a", "two words", "some more words here", "12.50", "x   y", "一二三"]),
    st.integers(0, WIDTH - 400),
    st.integers(0, HEIGHT - 60),
    st.integers(20, 400),
    st.integers(8, 60),
)


@given(st.lists(boxes, max_size=40), st.integers(0, 3))
def test_every_word_is_there_once(lines: list[OcrLine], quarters: int) -> None:
    found = ordered_blocks([moved(line, quarters) for line in lines], 90.0 * quarters)
    read = " ".join(texts(found)).split()
    assert sorted(read) == sorted(word for line in lines for word in line.text.split())
    for block in found:
        if block.cells:
            cells = [line for cell in block.cells for line in cell.lines]
            assert cells == block.lines


@given(
    rows=st.integers(2, 12),
    columns=st.integers(2, 4),
    quarters=st.integers(0, 3),
    step=st.integers(0, 30),
)
def test_columns_are_read_one_after_the_other(
    rows: int, columns: int, quarters: int, step: int
) -> None:
    """Also where the lines of one stand between those of the other."""
    lines = [
        placed(
            f"column {column} line {row} runs on",
            50 + column * 450,
            200 + row * 50 + column * step,
        )
        for column in range(columns)
        for row in range(rows)
    ]
    title = placed("A title that stands over all of them", 50, 60, 1700, 60)
    shuffled = sorted([*lines, title], key=lambda line: hash(line.text))
    found = ordered_blocks([moved(line, quarters) for line in shuffled], 90.0 * quarters)
    assert texts(found) == [title.text, *(line.text for line in lines)]


@given(
    rows=st.integers(2, 8), columns=st.integers(2, 5), quarters=st.integers(0, 3), data=st.data()
)
def test_a_table_comes_back(rows: int, columns: int, quarters: int, data: st.DataObject) -> None:
    table = [[f"r{row}c{column}" for column in range(columns)] for row in range(rows)]
    left_out = data.draw(
        st.sets(st.tuples(st.integers(1, rows - 1), st.integers(1, columns - 2)), max_size=2)
        if columns > 2 else st.just(set())
    )  # fmt: skip
    for row, column in left_out:
        table[row][column] = ""
    lines = [
        placed(cell, 50 + column * 350, 100 + row * 60)
        for row, cells in enumerate(table)
        for column, cell in enumerate(cells)
        if cell
    ]
    found = ordered_blocks([moved(line, quarters) for line in lines], 90.0 * quarters)
    (block,) = found
    assert table_rows(block) == table


def test_a_line_over_two_cells_is_cut_and_the_halves_of_one_line_are_not() -> None:
    rows = [placed(f"Item {row}            12.5{row}", 50, 100 + row * 60) for row in range(3)]
    (block,) = ordered_blocks(rows, 0)
    assert table_rows(block) == [[f"Item {row}", f"12.5{row}"] for row in range(3)]
    split = [placed("The beginning of it,", 50, 100), placed("and its end", 400, 102)]
    (line,) = texts(ordered_blocks(split, 0))
    assert line == "The beginning of it, and its end"


def test_paragraphs_are_parted_by_space_and_size() -> None:
    lines = [placed("A heading", 50, 40, height=60)]
    lines += [placed(f"first {row}", 50, 130 + row * 40) for row in range(4)]
    lines += [placed(f"second {row}", 50, 340 + row * 40) for row in range(3)]
    found = ordered_blocks(lines, 0)
    assert [len(block.lines) for block in found] == [1, 4, 3]


@given(st.floats(0, 359.9), st.integers(2, 9))
def test_the_angle_of_a_page_is_that_of_most_of_its_lines(angle: float, count: int) -> None:
    def tilted(length: float, at: float) -> Polygon:
        cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        corners = [(0, at), (length, at), (length, at + 40), (0, at + 40)]
        numbers = [
            round(value)
            for x, y in corners
            for value in (5000 + x * cosine - y * sine, 5000 + x * sine + y * cosine)
        ]
        return tuple(numbers)  # type: ignore[return-value]

    polygons = [tilted(900, 60.0 * at) for at in range(count)]
    stray = box_polygon(Box(0, 0, 200, 40))
    assert (page_angle([*polygons, stray]) - angle + 180) % 360 - 180 == pytest.approx(0, abs=0.6)
    assert (angle_of(around(polygons)) - angle + 180) % 360 - 180 == pytest.approx(0, abs=1.5)


def test_page_angle_of_nothing_is_none() -> None:
    assert page_angle([]) == 0


def test_pages_are_chosen_by_number() -> None:
    assert chosen_pages("", 3) == [1, 2, 3]
    assert chosen_pages("2-,1", 3) == [1, 2, 3]
    assert chosen_pages("2-9,1-1", 4) == [1, 2, 3, 4]
    assert chosen_pages("3,3", 4) == [3]
    with pytest.raises(InvalidRequest, match="has 1 page, and none of 2"):
        chosen_pages("2", 1)
