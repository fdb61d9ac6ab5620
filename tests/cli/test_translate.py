"""``ingle translate``: real workers, models that were trained, files that come back whole."""

from __future__ import annotations

import json

import pytest

from tests.engines.students import STUDENTS

from .place import Place

pytestmark = pytest.mark.extras


@pytest.fixture(scope="module")
def place(place: Place) -> Place:
    for pair in ("en-es", "es-en", "en-fr"):
        place.ok("pull", f"bergamot:{pair}", "--from", str(STUDENTS / pair))
    return place


def test_what_is_piped_in_comes_out_in_the_other_language(place: Place) -> None:
    text = "I have two red cats. She sees 7 dogs!\n\n{name} buys one book.\n"
    done = place.ok("translate", "--from", "en", "--to", "es", stdin=text)
    assert done.out == "Tengo dos gatos rojos. Ella ve 7 perros!\n\n{name} compra un libro.\n"


def test_english_stands_between_where_there_is_no_model_of_the_pair(place: Place) -> None:
    done = place.ok("translate", "-f", "es", "-t", "fr", stdin="Tengo dos gatos rojos.")
    assert done.out == "J'ai deux chats rouges."


def test_the_language_is_seen_and_told(place: Place) -> None:
    text = "Ella ve un perro negro y quieren dos libros."
    done = place.ok("translate", "--to", "en", "--json", stdin="Tengo dos gatos rojos.").data
    assert (done["text"], done["source"]) == ("I have two red cats.", "es")
    assert place.ok("detect", stdin=text).out.split()[3] == "es"
    (row,) = [
        json.loads(line) for line in place.ok("detect", "--json", stdin=text).out.splitlines()
    ]
    assert row["guesses"][0]["language"] == "es"


def test_the_detector_that_is_set_is_asked(place: Place) -> None:
    place.ok("config", "set", "detect_model", "nowhere")
    refused = place.ingle("translate", "--to", "en", stdin="Tengo dos gatos rojos.")
    place.ok("config", "unset", "detect_model")
    assert refused.status == 3
    assert "no model nowhere here" in refused.err


def test_bytes_that_are_no_text_are_refused(place: Place) -> None:
    refused = place.ingle("translate", "-t", "es", stdin=b"caf\xe9")
    assert refused.status == 2
    assert "stdin is not valid UTF-8 at byte 3" in refused.err


def test_documents_of_a_folder_go_into_another(place: Place) -> None:
    folder = place.home / "docs"
    (folder / "deep").mkdir(parents=True)
    (folder / "one.md").write_text("# I have two cats\n\n`code`\n")
    (folder / "deep" / "two.html").write_text("<p>She sees <b>one dog</b></p>")
    (folder / "three.bin").write_bytes(b"\x00")
    done = place.ok("translate", "docs", "-f", "en", "-t", "es", "-o", "out/", "--json")
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert {row["output"] for row in rows} == {"out/one.md", "out/deep/two.html"}
    assert (place.home / "out/one.md").read_text() == "# Tengo dos gatos\n\n`code`\n"
    assert "</b></p>" in (place.home / "out/deep/two.html").read_text()


def test_a_document_goes_through_english(place: Place) -> None:
    (place.home / "nota.srt").write_text(
        "1\n00:00:01,000 --> 00:00:02,000\nTengo dos gatos rojos.\n"
    )
    done = place.ok("translate", "nota.srt", "-f", "es", "-t", "fr")
    assert done.out == "1\n00:00:01,000 --> 00:00:02,000\nJ'ai deux chats rouges.\n"
    (place.home / "nota.po").write_text('msgid "Tengo dos gatos rojos."\nmsgstr ""\n')
    refused = place.ingle("translate", "nota.po", "-f", "es", "-t", "fr")
    assert refused.status == 2
    assert "a catalogue cannot be translated from es to fr with en in between" in refused.err
    done = place.ok("translate", "nota.po", "-f", "es", "-t", "en")
    assert done.out.endswith('msgstr "I have two red cats."\n')


def test_a_page_says_its_new_language_and_what_its_pictures_show(place: Place) -> None:
    page = '<html lang="en"><body><p>I have <img alt="I have two cats." src="a.png"></p></body>\n'
    (place.home / "page.html").write_text(page)
    done = place.ok("translate", "page.html", "-f", "en", "-t", "es")
    assert done.out.startswith('<html lang="es"><body><p>')
    assert '<img alt="Tengo dos gatos."' in done.out


def test_a_glossary_is_read_from_a_file(place: Place) -> None:
    (place.home / "terms.tsv").write_text("# animals\ncats\tMiezen\n")
    done = place.ok(
        "translate", "-t", "es", "--glossary", "terms.tsv", stdin="I have two red cats."
    )
    assert done.out.count("Miezen") == 1


def test_a_model_that_chats_translates_too(place: Place) -> None:
    done = place.ok("translate", "-t", "es", "-m", "ember", stdin="Hello {name}, 42 times.")
    assert "{name}" in done.out
    assert "42" in done.out


@pytest.mark.parametrize(
    ("arguments", "stdin", "told"),
    [
        (("-t", "de", "-f", "en"), "Hi", "no model here translates from en to de; here are"),
        (("-t", "es"), "Guten Morgen, wie geht es Ihnen heute?", "from de to es"),
        (("-t", "es", "-m", "bergamot:en-fr"), "Hi", "translates from en to fr, not to es"),
        (("-t", "es", "-m", "espeak"), "Hi", "espeak cannot translate"),
        (("-t", "es", "-m", "bergamot:en-ex"), "Hi", "bergamot:en-es"),
        (("-t", "nonsense!"), "Hi", "to:"),
        (("-t", "es", "none.txt"), "", "there is no file none.txt"),
        (("-t", "es", "sound.wav"), "", ".wav is not a format of documents"),
        (("-t", "es", "-f", "en", "broken.docx"), "", "not a docx file"),
        (("-t", "es", "-f", "en", "broken.po"), "", "line 1"),
        (("-t", "es", "-f", "en", "broken.srt"), "", "it has no times"),
        (("-t", "es", "--glossary", "broken.po"), "Hi", "line 1 has no tab"),
    ],
)
def test_what_cannot_be_translated_is_told(
    place: Place, arguments: tuple[str, ...], stdin: str, told: str
) -> None:
    for name in ("sound.wav", "broken.docx", "broken.po", "broken.srt"):
        (place.home / name).write_text("broken")
    refused = place.ingle("translate", *arguments, stdin=stdin)
    assert refused.status in (1, 2, 3), refused
    assert told in refused.err
