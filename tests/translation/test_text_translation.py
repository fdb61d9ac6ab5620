"""What is not language stays, whatever a model makes of a sentence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingle.translation.protected import names_in, numbers_in
from ingle.translation.text_translation import TextTranslation

Lines = Callable[[Sequence[str]], list[str]]


def shouted(lines: Sequence[str]) -> list[str]:
    return [line.upper() for line in lines]


def reversed_words(lines: Sequence[str]) -> list[str]:
    return [" ".join(reversed(line.split())) for line in lines]


def lost(lines: Sequence[str]) -> list[str]:
    """A model that writes one thing for everything."""
    return ["nada" for _ in lines]


def invented(lines: Sequence[str]) -> list[str]:
    """A model that puts something into everything."""
    return [f"{line} 12 {{extra}}" for line in lines]


def silent(lines: Sequence[str]) -> list[str]:
    return ["" for _ in lines]


MODELS = (shouted, reversed_words, lost, invented, silent)


def translated(text: str, model: Lines = shouted, form: str = "text", **options: object) -> str:
    translation = TextTranslation(model, **options)  # type: ignore[arg-type]
    pieces = list(translation.pieces(text, form))
    assert sum(piece.source for piece in pieces) == len(text)
    return "".join(piece.text for piece in pieces)


words = st.text(st.characters(codec="utf-8"), max_size=20)
things = st.sampled_from(
    [
        "{name}", "{0}", "{{ user }}", "${price}", "%s", "%1$d", "%(count)d", "$HOME", "42", "3.14",
        "1,000", "10:30", "50%", "https://example.org/a_b?c=1",
        "me@example.org", "www.example.org/x",
    ]
)  # fmt: skip
sentences = st.lists(st.one_of(words, things, st.sampled_from(["one", "two", "Three"])), max_size=8)


@pytest.mark.parametrize("model", MODELS)
@given(sentences.map(" ".join))
@example("Dear {name}, you owe ${price} (50%) since 10:30. See https://example.org/a_b?c=1!")
@example("$A: A")
@example("A %s 1: one")
def test_placeholders_numbers_and_addresses_are_in_the_translation_as_often(
    model: Lines, text: str
) -> None:
    after = translated(text, model)
    assert names_in(after) == names_in(text)
    assert numbers_in(after) >= numbers_in(text)


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
@given(st.text(st.characters(codec="utf-8", exclude_characters="&<>\n\r")))
@example("One.  Two!\tThree?   ")
def test_what_is_translated_into_itself_is_the_same_but_for_white_space(
    form: str, text: str
) -> None:
    assert translated(text, lambda lines: list(lines), form).split() == text.split()


@given(st.lists(st.sampled_from(["Hello there.", "  Two spaces", "", "\t", "One! Two?", "x"])))
def test_lines_and_paragraphs_stay_apart(lines: list[str]) -> None:
    text = "\n".join(lines)
    assert translated(text) == text.upper()


TAG = re.compile(r"<[^>]*>")
pieces_of_html = st.sampled_from(
    [
        "Hello", "two cats", ".", " ", "<b>", "</b>", "<p>", "</p>", "<br>", "<a href='x?y=1&z=2'>",
        "</a>", "&amp;", "&lt;", "<!-- no -->", "<code>let x</code>", "<img alt='a'>",
        "{name}", "5",
    ]
)  # fmt: skip


@pytest.mark.parametrize("model", MODELS)
@given(st.lists(pieces_of_html, max_size=12).map("".join))
@example("<p>I have <b>two</b> cats &amp; <i>a <b>red</b> dog</i>.</p>")
def test_no_tag_of_html_is_lost_or_made(model: Lines, text: str) -> None:
    assert Counter(TAG.findall(translated(text, model, "html"))) == Counter(TAG.findall(text))


pieces_of_markdown = st.sampled_from(
    [
        "Hello", " ", "two cats", "`code {x}`", "[link](https://example.org/a)", "![image](b.png)",
        "\n\n", "\n", "- item", "# Title", "\n```\nlet x = 1\n```\n", "> quoted",
        "{name}", "| a | b |",
        "<https://example.org>", "[^1]", "    indented",
    ]
)  # fmt: skip
CODE = re.compile(r"let x = 1|`code {x}`|\]\([^)]*\)|!\[[^\]]*\]|<https[^>]*>|\[\^1\]")


@pytest.mark.parametrize("model", MODELS)
@given(st.lists(pieces_of_markdown, max_size=12).map("".join))
def test_no_code_and_no_target_of_markdown_is_lost_or_changed(model: Lines, text: str) -> None:
    after = translated(text, model, "markdown")
    assert Counter(CODE.findall(after)) == Counter(CODE.findall(text))


DOCUMENT = """---
title: Cats
---
# Two **cats**

I have {name}. See [the page](https://example.org/a_b), and `run(1)` twice.

| one | two *cats* |
|-----|:----------:|
| red | `x|y`      |

```py
print("stays")
```
1. first
- [ ] second ![cat](cat.png)
> quoted
"""


def test_a_document_in_markdown_keeps_its_form() -> None:
    assert (
        translated(DOCUMENT, form="markdown")
        == """---
title: Cats
---
# TWO **CATS**

I HAVE {name}. SEE [THE PAGE](https://example.org/a_b), AND `run(1)` TWICE.

| ONE | TWO *CATS* |
|-----|:----------:|
| RED | `x|y`      |

```py
print("stays")
```
1. FIRST
- [ ] SECOND ![cat](cat.png)
> QUOTED
"""
    )


def test_a_page_keeps_its_scripts_its_code_and_what_says_so() -> None:
    page = (
        "<html><head><title>Cats</title><script>var a = 'no';</script></head><body>"
        "<p>I have <b>two</b> red &amp; black cats.<br>Bye</p><pre>keep\n me</pre>"
        "<p translate=no>Keep <i>this</i></p><p class='a notranslate'>and this</p></body></html>"
    )
    assert translated(page, form="html") == (
        "<html><head><title>CATS</title><script>var a = 'no';</script></head><body>"
        "<p>I HAVE <b>TWO</b> RED &amp; BLACK CATS.<br>BYE</p><pre>keep\n me</pre>"
        "<p translate=no>Keep <i>this</i></p><p class='a notranslate'>and this</p></body></html>"
    )


def test_markup_goes_around_the_words_that_stand_for_what_it_was_around() -> None:
    told = {
        "I have two red cats.": "Tengo dos gatos rojos.",
        "red": "rojos",
        "two red": "dos rojos",
        "I have": "Tengo",
        "two": "dos",
        "cats": "gatos",
    }

    def model(lines: Sequence[str]) -> list[str]:
        return [told.get(line.rstrip(), line) for line in lines]

    one = "I have two <b>red</b> cats."
    assert translated(one, model, "html") == "Tengo dos gatos <b>rojos</b>."
    # What two words became does not stand together, so the stretches are translated one by one.
    apart = "I have <b>two red</b> cats."
    assert translated(apart, model, "html") == "Tengo <b>dos rojos</b> cats."


def test_a_glossary_says_what_is_written() -> None:
    glossary = {"red cat": "GATO-X", "cat": "gato"}
    text = "A red cat, a cat and a category."
    assert translated(text, glossary=glossary) == "A GATO-X, A gato AND A CATEGORY."
    assert translated("A red cat.", lost, glossary=glossary) == "nada GATO-X."


def test_sentences_end_where_they_do() -> None:
    seen: list[str] = []

    def model(lines: Sequence[str]) -> list[str]:
        seen.extend(lines)
        return list(lines)

    text = (
        "Dr. Smith paid 3.50 to J. R. Ewing, e.g. on Monday. He left! \"Why?\" she said. "
        "\u4f60\u597d\u3002\u518d\u89c1\uff01 A line that was wrapped because it is so very long "
        "and\nits rest.\nA new one"
    )  # fmt: skip
    translated(text, model)
    assert seen == [
        "Dr. Smith paid 3.50 to J. R. Ewing, e.g. on Monday.",
        "He left!",
        '"Why?" she said.',
        "\u4f60\u597d\u3002",
        "\u518d\u89c1\uff01",
        "A line that was wrapped because it is so very long and its rest.",
        "A new one",
    ]


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
@pytest.mark.parametrize(
    "piece",
    ["<a ", '<a "', "<!--", "<code>", "a|b\n", "`a``", "[a](", "![", "*a", "a.b-c+", "{", "1,",
     "_", "> ", "- ", "<b>", "&amp;", "a", ".", "$a ", "\n"],
)  # fmt: skip
def test_text_made_to_be_slow_is_read_in_one_go(form: str, piece: str) -> None:
    text = piece * (60_000 // len(piece))
    assert len(translated(text, lambda lines: list(lines), form).split()) > 0 or not text.strip()


@given(st.text())
def test_any_text_is_told_whole(text: str) -> None:
    for form in ("text", "markdown", "html"):
        translated(text, reversed_words, form)
