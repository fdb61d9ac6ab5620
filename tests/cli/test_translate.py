"""``ingle translate``: real workers, models that were trained, files that come back whole."""

from __future__ import annotations

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
