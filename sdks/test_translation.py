"""LibreTranslate's and DeepL's own clients."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import deepl
import pytest
from libretranslatepy import LibreTranslateAPI

from conftest import INGLE

STUDENTS = Path(__file__).parents[1] / "tests" / "engines" / "students"
TEXT = "I have two red cats."


@pytest.fixture(scope="module", autouse=True)
def _pairs(url: str, environment: dict[str, str]) -> None:
    for pair in ("en-es", "es-en", "en-fr"):
        command = [str(INGLE), "pull", f"bergamot:{pair}", "--from", str(STUDENTS / pair)]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)


def test_libretranslate(url: str) -> None:
    client = LibreTranslateAPI(f"{url}/")
    assert client.translate(TEXT, "en", "es") == "Tengo dos gatos rojos."
    assert client.translate("Tengo dos gatos rojos.", "es", "fr") == "J'ai deux chats rouges."
    assert client.detect("Guten Morgen, Herr Meier")[0]["language"] == "de"
    assert {each["code"] for each in client.languages()} == {"en", "es"}


def test_deepl(url: str) -> None:
    os.environ["no_proxy"] = "127.0.0.1"
    client = deepl.DeepLClient("none", server_url=url)
    one = client.translate_text(TEXT, source_lang="EN", target_lang="ES")
    assert isinstance(one, deepl.TextResult)
    assert one.text == "Tengo dos gatos rojos."
    several = client.translate_text(
        ["<b>I have</b> two red cats", TEXT], target_lang="FR", tag_handling="html"
    )
    assert isinstance(several, list)
    assert [each.text for each in several] == [
        "<b>J'ai</b> deux chats rouges", "J'ai deux chats rouges.",
    ]  # fmt: skip
    assert several[0].detected_source_lang == "EN"
    assert {each.code for each in client.get_target_languages()} == {"EN", "ES", "FR"}
    assert not client.get_usage().any_limit_reached
    with pytest.raises(deepl.DeepLException, match="no model here translates"):
        client.translate_text(TEXT, source_lang="EN", target_lang="JA")
