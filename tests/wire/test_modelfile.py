"""Modelfiles, as Ollama's parser takes them."""

from __future__ import annotations

import pytest

from ingle.capabilities.store.operation import ModelDetails
from ingle.errors import InvalidRequest
from ingle.operations import Message, ModelDefaults, Sampling
from ingle.wire.ollama.create_request import of_modelfile
from ingle.wire.ollama.modelfile import Modelfile, modelfile, read_modelfile

FULL = '''\ufeff# A comment
from llama3.2:1b
  PARAMETER temperature 0.5
Parameter\tstop "<|end|>"
parameter stop AI assistant:
PARAMETER num_gpu 99

SYSTEM """You are "Mario".
  # not a comment

Be brief."""
TEMPLATE "{{ .System }}
{{ .Prompt }}"
MESSAGE user Is it "raining"?
MESSAGE assistant """No.
"""
LICENSE """
MIT
"""
LICENSE Apache
REQUIRES 0.12.0
RENDERER qwen3
ADAPTER ./style.gguf
'''


def located(text: str) -> str | None:
    return f"/models/{text[2:]}" if text.startswith("./") else None


def read(text: str) -> Modelfile:
    return read_modelfile(text, located)


def test_all_instructions() -> None:
    found = read(FULL)
    assert found.base == "llama3.2:1b"
    assert found.parameters == {
        "temperature": "0.5",
        "stop": ["<|end|>", "AI assistant:"],
        "num_gpu": "99",
    }
    assert found.system == 'You are "Mario".\n  # not a comment\n\nBe brief.'
    assert found.template == "{{ .System }}\n{{ .Prompt }}"
    assert found.messages == [
        {"role": "user", "content": 'Is it "raining"?'},
        {"role": "assistant", "content": "No.\n"},
    ]
    assert found.licences == ["\nMIT\n", "Apache"]
    assert (found.requires, found.unused) == ("0.12.0", ["RENDERER"])
    assert found.adapters == [("/models/style.gguf", True)]


def test_line_ends_of_every_kind_are_read_alike() -> None:
    for end in ("\r\n", "\r"):
        found = read(FULL.replace("\n", end))
        assert found.system == read(FULL).system
        assert found.parameters == read(FULL).parameters


def test_files_are_told_from_names() -> None:
    assert read("FROM ./a.gguf\nFROM ./mmproj.gguf").files == [
        "/models/a.gguf",
        "/models/mmproj.gguf",
    ]
    assert read("FROM hf.co/owner/repo:Q4_K_M").base == "hf.co/owner/repo:Q4_K_M"
    assert read("FROM a\nADAPTER style").adapters == [("style", False)]
    assert read("FROM a\nSYSTEM " + '""').system == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no FROM line"),
        ("SYSTEM hi", "no FROM line"),
        ("FROM a\nFROM ./b.gguf", "a name and another with a path"),
        ("FROM a\nSYSTEM", "line 2: SYSTEM needs a value"),
        ("FROM a\n\nPARAMETER temperature", "line 3: PARAMETER needs a name and a value"),
        ("FROM a\nMESSAGE robot hi", "line 2: the role 'robot'"),
        ("FROM a\nFORM b", "line 2: 'FORM' is not an instruction"),
        ('FROM a\nSYSTEM """open\nand open', "a quotation has no end"),
        ('FROM a\nSYSTEM "open', "a quotation has no end"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        read(text)


def test_a_model_is_written_and_read_back() -> None:
    defaults = ModelDefaults(
        system='You are "Mario".\nBe brief.',
        messages=[
            Message(role="user", content=" Hi "),
            Message(role="assistant", content='"Ciao"'),
        ],
        sampling=Sampling(temperature=0.25, top_k=40, seed=7, repeat_last_n=-1),
        context=2048,
        max_tokens=100,
        stop=["<|end|>", "two\nlines", 'a "quote"'],
        template="{% for m in messages %}{{ m.content }}{% endfor %}",
        licence="MIT",
    )
    details = ModelDetails(
        name="mario", digest="", size=0, files=["./w.gguf"], defaults=defaults, licence="MIT"
    )
    made = of_modelfile("again", read(modelfile(details)))
    assert made.operation.defaults == defaults
    assert [file.path for file in made.operation.files] == ["/models/w.gguf"]
    assert made.notes == []


def test_parameters_are_numbers_and_checked() -> None:
    made = of_modelfile("mario", read(FULL))
    defaults = made.operation.defaults
    assert (defaults.sampling.temperature, defaults.stop) == (0.5, ["<|end|>", "AI assistant:"])
    assert defaults.licence == "\nMIT\n\nApache"
    assert sorted(note.split()[2] for note in made.notes if "parameter" in note) == ["num_gpu"]
    assert "RENDERER is not used here" in made.notes
    for line in ("temperature warm", "top_p 7", "temprature 1", "num_ctx 0"):
        with pytest.raises(InvalidRequest, match=f"parameters.*{line.split()[0]}"):
            of_modelfile("m", read(f"FROM a\nPARAMETER {line}"))
