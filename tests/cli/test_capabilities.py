"""What can be asked of a node, at the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingle.operations import registry

from .place import Place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    place.close()


def test_all_of_them_are_listed_without_a_node(place: Place) -> None:
    found = {entry["name"]: entry for entry in place.ingle("capabilities", "--json").data}
    assert set(registry.built_in()) <= set(found)
    assert found["store"]["permission"] == "owner"
    assert found["chat"]["unit"] == "tokens"
    assert not place.state.exists()


def test_one_of_them_is_a_page_in_words(place: Place) -> None:
    page = place.ok("capabilities", "embed").out
    assert "| `inputs` | list of (text or list of integer of at least 0) | required |" in page
    assert "| `dimensions` | integer of at least 1 or null | `null` |" in page
    assert "Commands: `ingle embed`." in page


def test_none_of_that_name(place: Place) -> None:
    ended = place.ingle("capabilities", "singing", "--json")
    assert ended.status != 0
    assert ended.error["hint"] == "ingle capabilities"
    assert (
        "did you mean 'store'?" in place.ingle("capabilities", "storee", "--json").error["message"]
    )
