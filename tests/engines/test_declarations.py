"""What engines declare: options, memory, formats; and plug-ins that are bad."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from ingle.engines.declaration import EngineDeclaration
from ingle.engines.declarations import ENGINES, declared, engine_names, load_engine, serving
from ingle.engines.engine import AdapterFile, LoadSpec, usual_role
from ingle.engines.llama.declaration import LLAMA
from ingle.engines.process import WorkerProcess
from ingle.engines.upstream.declaration import UPSTREAM
from ingle.errors import BadPlugIn, EngineMissing, InvalidRequest
from ingle.models import formats
from ingle.models.facts import Facts
from ingle.testing import check_engine

from ..models.test_formats import write_words


def install(folder: Path, package: str, name: str, code: str) -> None:
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[ingle.engines]\n{name} = {package}_module:IT\n")
    (folder / f"{package}_module.py").write_text(code)


def declaration(name: str = "mine", **fields: object) -> str:
    return f"""
from ingle.engines.declaration import EngineDeclaration
IT = EngineDeclaration(name={name!r}, loader="nowhere:Nothing", formats=("x",),
    capabilities=("chat",))
"""


def test_ours_are_found_without_looking_at_plug_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingle.plugins._entries", None)
    assert declared("llama") is LLAMA
    assert declared("upstream") is UPSTREAM
    assert serving("gguf", "embed") is LLAMA


def test_the_words_engine_keeps_the_contract(tmp_path: Path, words: Path) -> None:
    folder = write_words(tmp_path / "small")
    found = formats.find(folder)
    spec = LoadSpec(
        engine="speller",
        model="small",
        files={role: [str(path)] for role, path in found.files},
        sizes={role: path.stat().st_size for role, path in found.files},
        folder=str(folder),
        slots=2,
        options={"loud": True},
    )
    held = check_engine("speller", spec, most_memory=1.25)
    assert held == [
        "declares itself",
        "names itself",
        "opens in a worker",
        "needs what it declares",
        "ends when told",
    ]


def test_an_option_that_an_engine_does_not_know_is_named(ember_spec: LoadSpec) -> None:
    bad = msgspec.structs.replace(ember_spec, options={"contxt": 5})
    with pytest.raises(InvalidRequest, match=r"llama has no option 'contxt'; it has: context"):
        LLAMA.check(bad)
    with pytest.raises(InvalidRequest, match="context"):
        LLAMA.check(msgspec.structs.replace(ember_spec, options={"context": "many"}))
    with pytest.raises(InvalidRequest, match="must be positive"):
        LLAMA.check(msgspec.structs.replace(ember_spec, options={"context": 0}))
    with pytest.raises(InvalidRequest, match="was trained for 512 tokens, not for 1024"):
        LLAMA.check(ember_spec, Facts(context_length=512))
    with pytest.raises(InvalidRequest, match="the engine upstream does not support them"):
        UPSTREAM.check(
            LoadSpec(engine="upstream", model="m", adapters=[AdapterFile(name="a", path="/a")])
        )


@pytest.mark.anyio
async def test_a_worker_refuses_an_unknown_option_too(ember_spec: LoadSpec) -> None:
    with pytest.raises(InvalidRequest, match="no option 'speed'"):
        await WorkerProcess.start(msgspec.structs.replace(ember_spec, options={"speed": 9}))


def test_what_serves_what() -> None:
    """Declared once for all engines that count tokens or take adapters."""
    spec = LoadSpec(engine="llama", model="m", options={"context": 100})
    replace = msgspec.structs.replace
    adapted = replace(spec, adapters=[AdapterFile(name="a", path="/a")])
    larger = replace(spec, options={"context": 200})
    assert LLAMA.serves(larger, spec)
    assert not LLAMA.serves(spec, larger)
    assert LLAMA.serves(adapted, spec)
    assert not LLAMA.serves(spec, adapted)
    assert not LLAMA.serves(spec, replace(spec, role="embed"))
    assert not LLAMA.serves(spec, replace(spec, options={"context": 100, "server_binary": "/b"}))
    both = LLAMA.joined(adapted, larger)
    assert LLAMA.serves(both, adapted)
    assert LLAMA.serves(both, larger)


def test_files_beside_the_weights_need_memory_in_any_engine() -> None:
    engine = EngineDeclaration(name="e", loader="e:E", formats=("x",), capabilities=("chat",))
    spec = LoadSpec(
        engine="e",
        model="m",
        sizes={"weights": 1000, "projector": 200},
        adapters=[AdapterFile(name="a", path="/a", size=30)],
    )
    assert engine.memory(Facts(format="x"), spec).weights == 1230
    assert engine.memory(Facts(format="x", tensor_bytes=500), spec).weights == 730


def test_roles_are_those_of_capabilities() -> None:
    assert usual_role(["complete", "vision"]) == "generate"
    assert usual_role(["rerank"]) == "rerank"
    assert usual_role(["transcribe"]) == "transcribe"
    hearing = EngineDeclaration(name="e", loader="e:E", capabilities=("transcribe", "embed"))
    assert hearing.serves_role("transcribe")
    assert not hearing.serves_role("generate")
    assert not hearing.serves_role("score")


def test_a_plug_in_that_cannot_be_used_disables_only_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "engine_broken", "broken", "import no_such_library\n")
    install(tmp_path, "engine_old", "old", "class IT:\n    name = 'old'\n")
    install(tmp_path, "engine_lost", "lost", declaration("lost"))
    monkeypatch.syspath_prepend(str(tmp_path))
    assert {"broken", "old", "lost", "llama"} <= set(engine_names())
    assert serving("x", "generate").name == "lost"
    with pytest.raises(BadPlugIn, match=r"'broken' of engine.broken 1\.0.*no_such_library"):
        declared("broken")
    with pytest.raises(BadPlugIn, match="not an EngineDeclaration"):
        load_engine("old")
    with pytest.raises(EngineMissing, match="'lost' cannot be imported"):
        load_engine("lost")
    with pytest.raises(EngineMissing, match=r"runs y models.*lost \(x\).*no_such_library"):
        serving("y", "generate")
    with pytest.raises(EngineMissing, match="runs x models for embed"):
        serving("x", "embed")


def test_two_plug_ins_of_one_name_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "engine_one", "mine", declaration())
    install(tmp_path, "engine_two", "mine", declaration())
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(BadPlugIn, match="two engine plug-ins are named 'mine'"):
        declared("mine")
    assert [engine.name for engine in ENGINES.plug_ins()] == ["echo"]
    assert [problem.details["name"] for problem in ENGINES.problems()] == ["mine"]


@pytest.mark.extras
@pytest.mark.parametrize(
    ("engine", "module", "extras"),
    [
        ("whisper", "av", "speech"),
        ("faster-whisper", "faster_whisper", "speech,faster-whisper"),
        ("onnx-asr", "onnx_asr", "speech,onnx-asr"),
        ("espeak", "espeakng_loader", "speech"),
        ("kokoro", "onnxruntime", "speech"),
        ("rapidocr", "rapidocr", "ocr"),
        ("piper", "piper", "speech,piper"),
    ],
)
def test_an_engine_whose_libraries_are_missing_says_what_installs_them(
    engine: str, module: str, extras: str
) -> None:
    code = (
        f"import ctypes.util, sys; sys.modules[{module!r}] = None\n"
        "ctypes.util.find_library = lambda name: None\n"
        "from ingle.engines.declarations import load_engine\n"
        "from ingle.errors import EngineMissing\n"
        f"try:\n    load_engine({engine!r}).version()\n"
        "except EngineMissing as error:\n"
        "    print(error.hint, error.details['engine'], error.details['absent'], sep='\\n')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"pip install 'ingle[{extras}]'", engine, "True"]
