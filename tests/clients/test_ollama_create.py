"""``/api/create`` and ``/api/blobs`` before a real node, as Ollama's clients send them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import ollama
import pytest

from ..engines.lora import write_adapter
from ..models.weights import write_adapter as write_other
from ..models.weights import write_model

pytestmark = pytest.mark.clients

TURNS = [{"role": "user", "content": "What does grep -i do?"}]
GO = "{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ end }}{{ .Prompt }}"
JINJA = (
    "{% for m in messages %}({{ m.role }}) {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}(assistant) {% endif %}"
)
FEW = {"num_predict": 8, "temperature": 0}


@pytest.fixture(scope="module")
def client(real: str) -> Iterator[ollama.Client]:
    client = ollama.Client(host=real)
    yield client
    client.close()


@pytest.fixture
def names(client: ollama.Client) -> Iterator[list[str]]:
    """Names that the test gives; they are removed after it."""
    given: list[str] = []
    yield given
    for name in given:
        client.delete(name)


def prompt_of(real: str, model: str, turns: list[dict[str, str]] = TURNS) -> str:
    """What a model would be given for a conversation."""
    body = {"model": model, "messages": turns}
    response = httpx.post(f"{real}/v1/tokenize", json=body, timeout=60)
    assert response.status_code == 200, response.text
    return "".join(_text(real, model, response.json()["tokens"]))


def _text(real: str, model: str, tokens: list[int]) -> str:
    body = {"model": model, "tokens": tokens}
    return str(httpx.post(f"{real}/v1/detokenize", json=body, timeout=60).json()["prompt"])


def lines(real: str, body: dict[str, Any], status: int = 200) -> list[dict[str, Any]]:
    response = httpx.post(f"{real}/api/create", json=body, timeout=60)
    assert response.status_code == status, response.text
    return [json.loads(line) for line in response.text.splitlines()]


def test_a_model_from_a_model(real: str, client: ollama.Client, names: list[str]) -> None:
    names.append("mario")
    made = client.create(
        "mario",
        from_="ember:latest",
        system="You are Mario.",
        parameters={"temperature": 0, "num_ctx": 65536, "stop": ["Luigi", "END"], "top_k": 7},
        messages=[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ciao!"}],
        license=["MIT", "and more"],
    )
    assert made.status == "success"
    shown = client.show("mario:latest")
    assert shown.details.parent_model == "ember"
    assert shown.license == "MIT\nand more"
    assert [line.split(maxsplit=1) for line in shown.parameters.splitlines()] == [
        ["temperature", "0"],
        ["top_k", "7"],
        ["num_ctx", "65536"],
        ["stop", '"Luigi"'],
        ["stop", '"END"'],
    ]
    raw = httpx.post(f"{real}/api/show", json={"model": "mario"}).json()
    assert raw["system"] == "You are Mario."
    assert [turn["content"] for turn in raw["messages"]] == ["Hi", "Ciao!"]
    assert raw["digest"] == httpx.post(f"{real}/api/show", json={"model": "ember"}).json()["digest"]
    prompt = prompt_of(real, "mario")
    parts = ["You are Mario.", "Hi", "Ciao!", "What does grep -i do?"]
    places = [prompt.index(part) for part in parts]
    assert places == sorted(places)


def test_a_requests_own_system_message_replaces_the_models(
    real: str, client: ollama.Client, names: list[str]
) -> None:
    names.append("mario")
    client.create("mario", from_="ember", system="You are Mario.", messages=TURNS)
    prompt = prompt_of(real, "mario", [{"role": "system", "content": "Be brief."}, *TURNS])
    assert "You are Mario." not in prompt
    assert prompt.index("Be brief.") < prompt.index("grep") < prompt.rindex("grep")


def test_every_dialect_has_what_the_model_brings(
    real: str, client: ollama.Client, names: list[str]
) -> None:
    names.append("short")
    client.create("short", from_="ember", parameters={"num_predict": 3, "temperature": 0})
    asked = {"model": "short", "messages": TURNS, "stream": False}
    assert client.chat("short", TURNS).eval_count == 3
    assert client.generate("short", "Hello").eval_count == 3
    assert client.generate("short", "Hello", raw=True).eval_count == 3
    chat = httpx.post(f"{real}/v1/chat/completions", json=asked, timeout=60).json()
    assert chat["usage"]["completion_tokens"] == 3
    assert chat["choices"][0]["finish_reason"] == "length"
    body = {"model": "short", "input": "Hello"}
    response = httpx.post(f"{real}/v1/responses", json=body, timeout=60).json()
    assert response["usage"]["output_tokens"] == 3
    # What the request says wins.
    assert client.chat("short", TURNS, options={"num_predict": 5}).eval_count == 5
    message = httpx.post(f"{real}/v1/messages", json={**asked, "max_tokens": 6}, timeout=60).json()
    assert message["usage"]["output_tokens"] == 6


def test_counting_and_answering_see_the_same_prompt(
    real: str, client: ollama.Client, names: list[str]
) -> None:
    names.append("mario")
    client.create("mario", from_="ember", system="You are Mario.", messages=TURNS)
    asked = {"model": "mario", "messages": TURNS}
    counted = httpx.post(f"{real}/v1/messages/count_tokens", json=asked, timeout=60).json()
    answer = client.chat("mario", TURNS, options=FEW)
    assert counted["input_tokens"] == answer.prompt_eval_count
    assert counted["input_tokens"] > client.chat("ember", TURNS, options=FEW).prompt_eval_count


def test_stored_stops_end_an_answer_and_a_requests_own_replace_them(
    real: str, client: ollama.Client, names: list[str]
) -> None:
    names.append("stopped")
    whole = client.chat("ember", TURNS, options={"temperature": 0, "num_predict": 16})
    word = whole.message.content.split()[2]
    client.create("stopped", from_="ember", parameters={"temperature": 0, "stop": word})
    assert word not in client.chat("stopped", TURNS).message.content
    options = {"stop": ["nonesuch"], "num_predict": 16}
    again = client.chat("stopped", TURNS, options=options)
    assert again.message.content == whole.message.content


def test_statuses_end_with_success(real: str, names: list[str]) -> None:
    names.append("mario")
    body = {"model": "mario", "from": "ember", "system": "You are Mario."}
    found = [line["status"] for line in lines(real, body)]
    assert found[0] == "reading model metadata"
    assert sum(status.startswith("using existing layer sha256:") for status in found) == 2
    assert found[-2:] == ["writing manifest", "success"]
    assert lines(real, {**body, "stream": False}) == [{"status": "success"}]


def test_a_go_template_is_left_out_and_said_so(
    real: str, client: ollama.Client, names: list[str]
) -> None:
    names.append("templated")
    found = lines(real, {"model": "templated", "from": "ember", "template": GO})
    assert any("Go template" in line["status"] for line in found)
    assert found[-1] == {"status": "success"}
    body = {"model": "templated", "from": "ember", "template": GO, "stream": False}
    (whole,) = lines(real, body)
    assert whole["status"] == "success"
    assert "Go template" in whole["ingle"]["notes"][0]
    assert client.show("templated").template == client.show("ember").template


def test_a_jinja_template_is_what_the_model_is_given(
    real: str, client: ollama.Client, names: list[str]
) -> None:
    names += ["templated", "twice"]
    client.create("templated", from_="ember", template=JINJA, system="Be brief.")
    assert client.show("templated").template == JINJA
    expected = "(system) Be brief.\n(user) What does grep -i do?\n(assistant) "
    assert prompt_of(real, "templated") == expected
    assert "im_start" in prompt_of(real, "ember")
    client.create("twice", from_="templated", system="Be kind.")
    assert prompt_of(real, "twice") == expected.replace("brief", "kind")
    assert client.chat("templated", TURNS, options=FEW).eval_count == 8


@pytest.mark.parametrize(
    ("template", "message"),
    [("Just text.", "messages"), ("{% for m in messages %}{{ m.content }", "chat template")],
)
def test_what_cannot_be_a_template_is_refused(
    real: str, client: ollama.Client, template: str, message: str
) -> None:
    """The second one only the engine can tell; what was made is removed again."""
    body = {"model": "broken", "from": "ember", "template": template, "stream": False}
    response = httpx.post(f"{real}/api/create", json=body, timeout=60)
    if response.status_code == 200:
        asked = {"model": "broken", "messages": TURNS, "stream": False}
        response = httpx.post(f"{real}/api/chat", json=asked, timeout=60)
        client.delete("broken")
    assert response.status_code >= 400
    assert message in response.json()["error"]


def test_a_model_from_blobs(
    real: str, client: ollama.Client, names: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "model.gguf"
    write_model(path)
    digest = f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    address = f"{real}/api/blobs/{digest}"
    assert httpx.head(address).status_code == 404
    assert client.create_blob(path) == digest
    assert httpx.head(address).status_code == 200
    assert httpx.head(address).content == b""
    names.append("blobbed")
    made = client.create("blobbed", files={"model.gguf": digest}, system="Hi.")
    assert made.status == "success"
    assert httpx.head(address).status_code == 200
    assert client.create_blob(path) == digest
    assert client.show("blobbed").details.format == "gguf"
    (shown,) = [m for m in client.list().models if m.model == "blobbed"]
    assert shown.digest == digest.removeprefix("sha256:")


def test_a_blob_comes_in_pieces_of_any_number(real: str, tmp_path: Path) -> None:
    """As the client's own asynchronous upload, which does not say how many there will be."""
    data = bytes(range(256)) * 9000
    digest = hashlib.sha256(data).hexdigest()

    def pieces() -> Iterator[bytes]:
        for at in range(0, len(data), 32768):
            yield data[at : at + 32768]

    address = f"{real}/api/blobs/sha256:{digest}"
    assert httpx.post(address, content=pieces()).status_code == 201
    assert httpx.post(address, content=pieces()).status_code == 200
    assert httpx.head(address).status_code == 200
    assert httpx.get(address).status_code == 405


def test_a_blob_that_is_another_is_refused(real: str) -> None:
    for address in ("sha256:" + "0" * 64, "sha256:nonesuch", "md5:" + "0" * 32):
        response = httpx.post(f"{real}/api/blobs/{address}", content=b"some bytes")
        assert response.status_code == 400, response.text
    assert httpx.head(f"{real}/api/blobs/sha256:{'0' * 64}").status_code == 404


def test_an_adapter_is_applied_to_every_request(
    real: str, client: ollama.Client, names: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "loud.gguf"
    embedded = Path(client.show("ember").modelfile.splitlines()[0].removeprefix("FROM "))
    write_adapter(path, embedded, seed=5, strength=2.0)
    digest = client.create_blob(path)
    names.append("adapted")
    client.create("adapted", from_="ember", adapters={"loud.gguf": digest})
    plain = client.chat("ember", TURNS, options=FEW).message.content
    assert client.chat("adapted", TURNS, options=FEW).message.content != plain
    assert client.chat("ember", TURNS, options=FEW).message.content == plain
    assert f"ADAPTER {tmp_path}" not in client.show("adapted").modelfile
    assert "\nADAPTER /" in client.show("adapted").modelfile


def test_an_adapter_of_another_model_is_refused(
    real: str, client: ollama.Client, tmp_path: Path
) -> None:
    path = write_other(tmp_path / "other.gguf")
    body = {"model": "odd", "from": "ember", "adapters": {"a.gguf": client.create_blob(path)}}
    assert "does not fit" in lines(real, body, 400)[0]["error"]
    assert "odd" not in [model.model for model in client.list().models]


def test_copies_and_bases_live_on_their_own(
    real: str, client: ollama.Client, names: list[str], tmp_path: Path
) -> None:
    client.copy("ember", "base:one")
    client.create("child:two", from_="base:one", system="You are Mario.")
    client.copy("child:two", "grandchild")
    client.delete("base:one")
    client.delete("child:two")
    names.append("grandchild")
    assert "You are Mario." in prompt_of(real, "grandchild")
    assert client.chat("grandchild", TURNS, options=FEW).eval_count == 8
    assert "grandchild" in [model.model for model in client.ps().models]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({}, 400, "from"),
        ({"from": "nonesuch"}, 404, "nonesuch"),
        ({"from": "ember", "model": "ember"}, 400, "part of ingle"),
        ({"from": "ember", "quantize": "q4_K_M"}, 400, "cannot be quantised here yet"),
        ({"from": "ember", "parameters": {"temprature": 1}}, 400, "temprature"),
        ({"from": "ember", "parameters": {"temperature": "warm"}}, 400, "temperature"),
        ({"from": "ember", "parameters": {"top_p": 2}}, 400, "parameters.top_p"),
        ({"files": {"a.gguf": "0" * 64}}, 400, "files"),
        ({"files": {"a.gguf": "sha256:" + "1" * 64}}, 404, "1" * 64),
        ({"from": "ember", "modelfile": "FROM ember"}, 400, "modelfile"),
        ({"from": "ember", "requires": "soon"}, 400, "requires"),
    ],
)
def test_what_cannot_be_made_is_refused_by_name(
    real: str, body: dict[str, Any], status: int, message: str
) -> None:
    (found,) = lines(real, {"model": "odd", **body}, status)
    assert message in found["error"]
    tags = httpx.get(f"{real}/api/tags").json()["models"]
    assert "odd" not in [model["name"] for model in tags]


def test_parameters_that_mean_nothing_here_are_told(real: str, names: list[str]) -> None:
    names.append("placed")
    parameters = {"num_gpu": 99, "mirostat": 1, "top_k": 3}
    body = {"model": "placed", "from": "ember", "parameters": parameters, "requires": "99.0.0"}
    found = [line["status"] for line in lines(real, body)]
    assert [status for status in found if "num_gpu" in status or "mirostat" in status]
    assert any("99.0.0" in status for status in found)
