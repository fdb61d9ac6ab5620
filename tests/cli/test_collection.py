"""From a folder to passages that show where they are from, at the command line."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from .place import Place

TEXTS = {
    "tools.md": "# Tools\n\n## grep\n\nThe option -i of grep ignores upper and lower case.\n\n"
    "## tar\n\nTo unpack an archive, call tar with the option -x.\n",
    "tea.txt": "Green tea is brewed at eighty degrees.\n\nBlack tea wants boiling water.\n",
    "page.html": "<h1>Bread</h1><p>Dough rises best in a warm place.</p>",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(place: Place) -> Path:
    folder = place.home / "texts"
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_text(text)
    (folder / "broken.json").write_text("{")
    (folder / "program.bin").write_bytes(bytes(999))
    place.ok("collection", "add", "own", str(folder))
    return folder


def test_a_passage_is_found_with_its_file_and_heading(place: Place, folder: Path) -> None:
    found = place.ok("search", "own", "ignore case", "-n", "1", "--json").data["results"]
    assert found[0]["place"] == str(folder / "tools.md")
    assert found[0]["headings"] == ["Tools", "grep"]
    text = (folder / "tools.md").read_text()
    assert found[0]["text"] in text
    shown = place.ok("search", "own", "how hot is the water for black tea", "-n", "1").out
    assert shown.startswith(f"[1] {folder / 'tea.txt'}")
    only = place.ok("search", "own", "tea", "--kind", "html", "--json").data["results"]
    assert {result["place"] for result in only} == {str(folder / "page.html")}


def test_an_answer_has_its_passages(place: Place, folder: Path) -> None:
    asked = ("ask", "own", "how is tar called to unpack an archive", "--max-tokens", "24")
    told = place.ok(*asked, "-n", "2", "--json").data
    assert "option -x" in told["passages"][0]["text"]
    answer = told["answer"]
    assert answer["model"] == "ember"
    assert "".join(each["text"] for each in answer["sentences"])
    assert answer["text"].strip() in place.ok(*asked, "-n", "2").out
    nothing = place.ok("ask", "own", "tea", "--in", "*/nowhere/*", "--json").data
    assert (nothing["answer"]["found"], nothing["passages"]) == (False, [])


def test_what_was_read_of_a_whole_document_is_not_read_again(place: Place, folder: Path) -> None:
    def asked(question: str) -> tuple[dict[str, Any], list[str]]:
        whole = ("--whole", str(folder / "tools.md"), "--max-tokens", "8", "--json")
        told = place.ok("ask", "own", question, *whole).data
        return told["answer"]["usage"], [each["headings"][-1] for each in told["passages"]]

    _, passages = asked("what does the option -i of grep do?")
    assert passages == ["grep", "tar"]
    second, passages = asked("how is tar called?")
    assert passages == ["grep", "tar"]
    assert second["cached_tokens"] > 0.6 * second["prompt_tokens"]
    summary = place.ok("ask", "own", "Summarise tools.md", "--max-tokens", "8", "--json").data
    assert [each["headings"][-1] for each in summary["passages"]] == ["grep", "tar"]
    missing = place.ok("ask", "own", "what?", "--whole", "nothing.md", "--json").data
    assert (missing["answer"]["found"], missing["passages"]) == (False, [])


def test_a_chat_answers_from_a_collection(place: Place, folder: Path) -> None:
    said = "how is tar called to unpack an archive\n/sources\nand grep?\n/with\n/sources\n"
    told = place.ok("chat", "--with", "own", "--max-tokens", "12", stdin=said)
    assert "[1] " in told.out
    assert "To unpack an archive, call tar with the option -x." in told.out
    assert "there is no command /sources" in told.err
    once = place.ok(
        "run", "how is tar called", "--with", "own", "--max-tokens", "12", "--json"
    ).data
    assert once["passages"]
    assert place.ingle("chat", "--with", "onw").status == 3
    mixed = place.ingle("run", "ember", "x y", "--with", "own", "--temperature", "1", "--json")
    assert "--temperature" in mixed.error["message"]


def test_what_is_said_of_documents_chooses_among_them(place: Place, folder: Path) -> None:
    place.ok("collection", "add", "own", str(folder / "tea.txt"), "--tag", "drink",
             "--attribute", "year=2026", "--attribute", "author=ann")  # fmt: skip
    tea = {str(folder / "tea.txt")}

    def places(*flags: str) -> set[str]:
        found = place.ok("search", "own", "tea", "-n", "9", *flags, "--json").data["results"]
        return {each["place"] for each in found}

    assert places("--tag", "drink") == places("--where", "year>=2026") == tea
    assert places("--where", "author=ann", "--where", "year<2026") == set()
    assert places("--since", "1h") > tea
    assert places("--until", "2020-01-01") == set()
    refused = place.ingle("search", "own", "tea", "--where", "nothing", "--json")
    assert refused.error["hint"] == "--where 'year>=2024'"


def test_a_collection_is_measured_with_questions(place: Place, folder: Path) -> None:
    questions = place.home / "questions.jsonl"
    questions.write_text(
        '{"question": "which grep option ignores case", "place": "*/tools.md", "text": "ignores"}\n'
        '{"question": "how hot is green tea brewed", "place": "*/tea.txt", "answer": "eighty"}\n'
    )
    asked = ("collection", "eval", "own", str(questions), "--rerank", "ember-embed")
    data = place.ok(*asked, "--ask", "--max-tokens", "24", "--json").data
    assert set(data["modes"]) == {"hybrid", "vectors", "words", "reranked"}
    assert data["modes"]["reranked"]["recall_5"]["mean"] == 1.0
    assert data["answers"]["exactness"]["count"] == 1
    assert data["answers"]["found"]["count"] == 2
    assert "reranked less words" in place.ok(*asked).out


def test_what_could_not_be_read_is_told(place: Place, folder: Path) -> None:
    shown = place.ok("collection", "show", "own", "--json").data
    assert shown["collection"]["documents"] == 3
    (skipped,) = shown["skipped"]
    assert skipped["place"] == str(folder / "broken.json")
    assert "not JSON" in skipped["problem"]
    named = place.ok("collection", "add", "named", str(folder / "program.bin"), "--json").data
    assert named["results"]["skipped"] == "1"
    assert "own" in place.ok("collection", "list").out


def test_only_what_changed_is_read_again(place: Place, folder: Path) -> None:
    (folder / "tea.txt").write_text("Oolong tea is between the two.\n")
    (folder / "page.html").unlink()
    (folder / "copy.md").write_text(TEXTS["tools.md"])
    results = place.ok("collection", "add", "own", "--json").data["results"]
    assert results == {
        "collection": "own", "added": "1", "skipped": "0", "unchanged": "2", "removed": "1",
    }  # fmt: skip
    found = place.ok("search", "own", "tea", "-n", "9", "--json").data["results"]
    assert [each["text"] for each in found if "tea" in each["text"]] == [
        "Oolong tea is between the two."
    ]
    assert not any("Dough" in each["text"] for each in found)


def test_all_of_it_is_read_again_when_asked(place: Place, folder: Path) -> None:
    results = place.ok("collection", "add", "own", "--reembed", "--tokens", "64", "--json").data
    assert results["results"]["unchanged"] == "0"
    assert int(results["results"]["added"]) >= 2


def test_a_killed_node_loses_nothing(place: Place, folder: Path) -> None:
    many = place.home / "many"
    many.mkdir()
    for number in range(60):
        text = f"Note number {number} is about item {number}.\n" * 30
        (many / f"{number:02}.txt").write_text(text)
    pid = place.ok("ps", "--json").data["pid"]

    def documents() -> int:
        known = place.ok("collection", "list", "--json").data["collections"]
        return sum(each["documents"] for each in known if each["name"] == "many")

    with place.start("collection", "add", "many", str(many)) as adding:
        while documents() < 3:
            assert adding.poll() is None
        os.kill(pid, signal.SIGKILL)
        adding.communicate()
    results = place.ok("collection", "add", "many", "--json").data["results"]
    assert int(results["unchanged"]) >= 3
    assert int(results["unchanged"]) + int(results["added"]) == 60
    assert documents() == 60


def test_mistakes_say_what_to_do(place: Place, folder: Path) -> None:
    refused = place.ingle("search", "onw", "x", "--json")
    assert refused.error["hint"] == "ingle collection add onw FOLDER"
    assert "own" in refused.error["message"]
    missing = place.ingle("collection", "add", "own", "/not/there", "--json")
    assert missing.error["code"] == "not_found"
    long = place.ingle("collection", "add", "new", str(folder), "--tokens", "8000", "--json")
    assert "tokens at once" in long.error["message"]
    assert "new" not in place.ok("collection", "list").out.split()
    place.ok("collection", "rm", "own")
    assert (folder / "tools.md").exists()
    assert place.ingle("collection", "show", "own").status != 0
