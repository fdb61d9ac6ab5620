"""py3langid itself: which language short texts are in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from recipes.langid import __main__ as recipe

from ingle.capabilities.detect.operation import Detect, Detected, LanguageGuess
from ingle.engines.engine import LoadSpec
from ingle.engines.langid.engine import LangidEngine, LangidSession
from ingle.errors import InvalidRequest
from ingle.models.embedded import embedded_files
from ingle.operations import Event
from ingle.testing import check_engine

pytestmark = pytest.mark.extras
FILE = embedded_files()["langid"]


def spec() -> LoadSpec:
    return LoadSpec(
        engine="langid", model="langid", files={"weights": [str(FILE)]}, role="detect", slots=2
    )


@pytest.fixture(scope="module")
def session() -> Iterator[LangidSession]:
    found = LangidEngine().open(spec())
    yield found
    found.close()


def guesses(session: LangidSession, *texts: str, **fields: list[str]) -> list[list[LanguageGuess]]:
    events: list[Event] = []
    session.perform(Detect(model="x", texts=list(texts), **fields), events.append)  # type: ignore[arg-type]
    (found,) = events
    assert isinstance(found, Detected)
    return found.guesses


def test_the_engine_keeps_the_contract() -> None:
    held = check_engine("langid", spec(), most_memory=1.5)
    assert {"declares itself", "names itself", "needs what it declares"} <= set(held)


def test_the_embedded_file_is_what_the_recipe_writes() -> None:
    assert FILE.read_text() == recipe.text()


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Good morning, how are you today?"),
        ("de", "Guten Morgen, wie geht es Ihnen heute?"),
        ("fr", "Bonjour, comment allez-vous aujourd'hui ?"),
        ("es", "Buenos días, ¿cómo está usted hoy?"),
        ("ru", "Доброе утро, как у вас дела сегодня?"),
        ("ja", "おはようございます、今日はお元気ですか。"),
        ("ar", "صباح الخير، كيف حالك اليوم؟"),
        ("el", "Καλημέρα, πώς είστε σήμερα;"),
    ],
)
def test_a_sentence_says_its_language(session: LangidSession, language: str, text: str) -> None:
    ((best, *_),) = guesses(session, text)
    assert best.language == language
    assert 0.5 < best.probability <= 1


def test_without_words_there_is_no_language(session: LangidSession) -> None:
    assert guesses(session, "", "123 + 4", "😀🎉", "\x00\x07") == [[], [], [], []]


def test_only_those_that_may_be_are_told(session: LangidSession) -> None:
    ((best, *others),) = guesses(session, "Tengo dos gatos", languages=["pt", "it", "xx"])
    assert {best.language, *(each.language for each in others)} == {"pt", "it"}
    with pytest.raises(InvalidRequest, match="none of xx is known to langid"):
        guesses(session, "Tengo", languages=["xx"])


def test_long_text_is_bounded(session: LangidSession) -> None:
    ((best, *_),) = guesses(session, "Das ist ein langer Text. " * 40_000)
    assert best.language == "de"
