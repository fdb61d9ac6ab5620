"""Numbers in brackets are citations of the passages that were found."""

from __future__ import annotations

from ingle.operations import Message, TextPart
from ingle.wire.openai.file_search import FileSearch, with_passages

RESULTS = [
    {"file_id": f"file-{name}", "filename": f"{name}.md", "score": 1.0, "text": "words"}
    for name in ("a", "b")
]


def test_citations_say_where_they_stand() -> None:
    found = FileSearch("q", RESULTS, told=False).annotations("One [1]. Two [2, 1]. Three [3] [x].")
    assert [(each["index"], each["file_id"]) for each in found] == [
        (4, "file-a"), (13, "file-b"), (13, "file-a"),
    ]  # fmt: skip


def test_results_are_told_if_they_are_asked_for() -> None:
    assert FileSearch("q", RESULTS, told=True).item("fs_1")["results"] == RESULTS
    assert FileSearch("q", RESULTS, told=False).item("fs_1")["results"] is None


def test_passages_go_with_the_last_question() -> None:
    turns = [
        Message(role="user", content="first"),
        Message(role="assistant", content="yes"),
        Message(role="user", content=[TextPart(text="second")]),
    ]
    found = with_passages(turns, "PASSAGES")
    assert [message.text for message in found[:2]] == ["first", "yes"]
    assert found[2].text.startswith("PASSAGES")
    assert found[2].text.endswith("second")
    assert with_passages(turns[:1], "PASSAGES")[0].text == "PASSAGES\n\nfirst"
