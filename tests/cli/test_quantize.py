"""``ingle quantize``: a model in fewer bits that answers, whatever is killed in between."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from ingle.models.gguf import read_header

from .place import Place


@pytest.fixture(scope="module")
def made(place: Place) -> str:
    return place.ok("quantize", "ember", "--to", "q4_k_m", "--allow-requantize").out.strip()


def test_it_answers(place: Place, made: str) -> None:
    assert made == "ember:q4_k_m"
    shown = place.ok("show", made, "--json").data
    assert shown["quant_mix"]["Q4_K"] > shown["quant_mix"]["Q6_K"] > 0
    assert place.ok("run", made, "Say hello.").out.strip()
    (job,) = place.ok("jobs", "--json").data
    assert (job["kind"], job["state"], job["results"]) == ("quantize", "done", {"model": made})
    assert job["done"] == job["total"] > 20


def test_its_size_is_known_before(place: Place, made: str) -> None:
    told = place.ok("quantize", "ember", "--to", "Q4_K_M", "--allow-requantize", "--dry-run",
                    "--json").data  # fmt: skip
    assert told["bytes"] == Path(place.ok("show", made, "--json").data["files"][0]).stat().st_size
    assert told["tensors"]["token_embd.weight"] == "Q6_K"


def test_a_killed_worker_and_a_killed_node_lose_nothing(place: Place, tmp_path: Path) -> None:
    out = tmp_path / "six.gguf"
    asked = ("quantize", "ember", "--to", "Q4_K_S", "--allow-requantize", "--out", str(out))
    asked += ("--job", "killed", "--threads", "1")

    def job() -> dict[str, object]:
        found = place.ok("jobs", "--json").data
        return next((each for each in found if each["name"] == "killed"), {})

    with place.start(*asked) as first:
        while not job().get("done"):
            assert first.poll() is None
        os.kill(place.ok("ps", "--json").data["pid"], signal.SIGKILL)
        first.communicate()
    part = Path(str(job()["folder"])) / "model.gguf"
    assert part.stat().st_size > 1 << 20
    place.ok("jobs", "resume", "killed")
    header = read_header(out)
    assert {tensor.type.name for tensor in header.tensors} == {"F32", "Q4_K", "Q5_K", "Q6_K"}
    assert not part.exists()


def test_mistakes_say_what_to_do(place: Place, made: str, tmp_path: Path) -> None:
    def told(*asked: str) -> tuple[str, str]:
        error = place.ingle("quantize", *asked, "--json").error
        return error["message"], error["hint"]

    assert "--to is required" in told("ember")[0]
    assert "did you mean Q4_K_M" in told("ember", "--to", "Q4KM")[0]
    assert told("embr", "--to", "Q4_K_M")[1] == "ingle list"
    message, hint = told("ember", "--to", "Q4_K_M")
    assert "already" in message
    assert hint == f"choose another --name, or: ingle rm {made}"
    assert "in Q8_0 already" in told("ember", "--to", "Q4_0")[0]
    assert "there is no folder" in told("ember", "--to", "Q8_0", "--out", "/not/there.gguf")[0]
    assert "is not a model in GGUF" in told("langid", "--to", "Q8_0")[0]
    bad = tmp_path / "imatrix.gguf"
    bad.write_bytes(b"no imatrix")
    asked = ("ember", "--to", "IQ2_XS", "--allow-requantize", "--imatrix", str(bad))
    assert "not a GGUF file" in told(*asked)[0]
    assert "is not REGEX=TYPE" in told("ember", "--to", "Q8_0", "--tensor-type", "q4_k")[0]
    assert "there are no weights in Q4_L" in told(
        "ember", "--to", "Q8_0", "--tensor-type", "ffn=q4_l"
    )[0]  # fmt: skip


def test_files_are_looked_into(place: Place, made: str, tmp_path: Path) -> None:
    data = place.ok("inspect", made, "--values", "--json").data
    assert data["types"].keys() == {"Q4_K", "Q6_K", "F32"}
    assert data["duplicates"] == []
    assert all(tensor["values"]["strange"] == 0 for tensor in data["tensors"])
    assert "more; --all lists them" in place.ok("inspect", "ember").err
    changed = place.ok("inspect", "ember", "--diff", made, "--json").data["differences"]
    assert {each["what"] for each in changed} == {"type"}
    assert all(0 < each["error"] < 0.2 for each in changed)
    missing = place.ingle("inspect", str(tmp_path / "no.gguf"), "--json").error
    assert "no such file" in missing["message"]


@pytest.mark.extras
def test_what_matters_is_measured_and_what_was_lost(
    place: Place, made: str, tmp_path: Path
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("The quick brown fox jumps over the lazy dog, and nobody minds. " * 40)
    out = tmp_path / "imatrix.gguf"
    few = ("--data", str(text), "--ctx-size", "64", "--chunks", "2")
    job = place.ok("imatrix", "ember", *few, "--out", str(out), "--json").data
    assert (job["state"], job["results"]) == ("done", {"file": str(out)})
    assert read_header(out).metadata["imatrix.chunk_count"] == 2
    asked = ("ember", "--to", "Q2_K_S", "--allow-requantize", "--imatrix", str(out))
    small = place.ok("quantize", *asked, "--name", "ember:small").out.strip()
    found = place.ok("compare", "ember", made, small, *few, "--json").data
    itself, four, two = found["models"]
    assert found["tokens"] == 2 * 63
    assert itself["divergence"]["mean"] < 1e-6
    assert itself["size"] > four["size"] > two["size"]
    assert 0 < four["divergence"]["mean"] < two["divergence"]["mean"]
