"""Documents of every kind as blocks."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingle.capabilities.extract.operation import Block
from ingle.documents.document_file import DocumentFile
from ingle.documents.kinds import read
from ingle.errors import InvalidRequest


def blocks(tmp_path: Path, name: str, data: str | bytes) -> list[Block]:
    path = tmp_path / "file"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return list(read(DocumentFile(path, name)))


def shown(found: list[Block]) -> list[tuple[str, str]]:
    return [(block.kind, block.text) for block in found]


def test_markdown(tmp_path: Path) -> None:
    text = "# Title #\n\nA line\nand another.\n\nUnder\n-----\n- one\n\n- two\n  more\n\n" \
        "| a | b |\n|---|---|\n| 1 | 2 |\n\n```sh\n# no heading\n\nls\n```\nend"  # fmt: skip
    found = blocks(tmp_path, "a.md", text)
    assert shown(found) == [
        ("heading", "Title"),
        ("paragraph", "A line\nand another."),
        ("heading", "Under"),
        ("list", "- one\n\n- two\n  more"),
        ("table", "| a | b |\n|---|---|\n| 1 | 2 |"),
        ("code", "```sh\n# no heading\n\nls\n```"),
        ("paragraph", "end"),
    ]
    assert [block.level for block in found if block.kind == "heading"] == [1, 2]


def test_html(tmp_path: Path) -> None:
    text = """<html><head><title>T</title><style>p{}</style></head><body><nav>menu</nav>
    <h1>Top &amp; more</h1><p>Some <b>bold</b>\n text.<script>x()</script><p>Next
    <ul><li>one<li>two <ul><li>inner</ul></ul><table><tr><th>a<th>b</th></tr>
    <tr><td>1</td><td>2|3</td></tr></table><pre>x\n  y</pre>"""
    assert shown(blocks(tmp_path, "a.html", text)) == [
        ("heading", "Top & more"),
        ("paragraph", "Some bold text."),
        ("paragraph", "Next"),
        ("list", "- one\n- two\n  - inner"),
        ("table", "| a | b |\n| --- | --- |\n| 1 | 2\\|3 |"),
        ("code", "x\n  y"),
    ]  # fmt: skip


def test_tables_in_text(tmp_path: Path) -> None:
    rows = "\n".join(f"{n};value {n}" for n in range(30))
    found = blocks(tmp_path, "a.csv", f"n;v\n{rows}\n")
    assert len(found) == 2
    assert all(block.text.startswith("| n | v |\n") for block in found)
    assert found[1].text.endswith("| 29 | value 29 |")


def test_code_is_cut_at_its_definitions(tmp_path: Path) -> None:
    text = '"""Doc."""\n\nimport os\n\n\n@wrap\ndef one():\n    return 1\n\n\n# About two.\n' \
        "def two():\n    return 2\n"  # fmt: skip
    found = blocks(tmp_path, "a.py", text)
    assert [block.text.splitlines()[0] for block in found] == ['"""Doc."""', "# About two."]
    assert "".join(block.text for block in found).count("return") == 2


def test_json_and_lines_of_json(tmp_path: Path) -> None:
    assert [b.text for b in blocks(tmp_path, "a.jsonl", '{"a": "ä"}\n{"a": 2}\n')] == [
        '{\n "a": "ä"\n}',
        '{\n "a": 2\n}',
    ]
    assert len(blocks(tmp_path, "a.json", '[\n {"a": 1},\n {"a": 2}\n]')) == 2
    with pytest.raises(InvalidRequest, match="not JSON"):
        blocks(tmp_path, "a.json", "{")


@pytest.mark.parametrize(
    "data",
    ["Grüße".encode(name) for name in ("utf-8", "utf-16", "cp1252", "utf-8-sig")],
)
def test_encodings(tmp_path: Path, data: bytes) -> None:
    assert shown(blocks(tmp_path, "a.txt", data)) == [("paragraph", "Grüße")]


def test_bad_files_say_what_they_are(tmp_path: Path) -> None:
    assert blocks(tmp_path, "a.txt", "") == []
    with pytest.raises(InvalidRequest, match="not a text file"):
        blocks(tmp_path, "a.txt", b"\x00\x01\x02")
    with pytest.raises(InvalidRequest, match="no reader"):
        blocks(tmp_path, "a.exe", b"MZ")
