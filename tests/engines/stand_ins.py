"""Programs and packages that stand in for a ``llama-server``; see `tests.engines.llama_server`."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

GPU = "Vulkan0: Test GPU (8192 MiB, 8000 MiB free)"


def stand_in(folder: Path, **differs: Any) -> Path:
    """A binary in a folder of its own, as a build of llama.cpp is.

    Args:
        differs: ``devices`` (lines), ``version``, ``lacks`` (flags), ``dies_loading`` (a signal),
            ``norm_factor`` (its answers are wrong; ``nan``: not numbers), ``holds`` (layers that a
            device has memory for).
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "llama-server"
    path.write_text(text())
    path.chmod(0o755)
    (folder / "stand_in.json").write_text(json.dumps(differs))
    return path


def script(folder: Path, *lines: str) -> Path:
    """A shell script by the name of a ``llama-server``."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "llama-server"
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return path


def wheel(
    folder: Path,
    *,
    version: str = "1.0",
    tag: str = "py3-none-any",
    package: str = "test_server",
    files: Any = None,
    padding: int = 0,
    **differs: Any,
) -> Path:
    """A wheel that brings a stand-in as its binary, or other files (name to text or bytes)."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{package}-{version}-{tag}.whl"
    info = f"{package}-{version}.dist-info"
    if files is None:
        files = {
            "test_server/bin/llama-server": text(),
            "test_server/bin/stand_in.json": json.dumps(differs),
            "test_server/padding": bytes(padding),
        }
    files = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
        "License-Expression: MIT\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = "".join(f"{name},,\n" for name in files)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(name, content)
    return path


def text() -> str:
    """The stand-in as a script of this Python."""
    source = Path(__file__).with_name("llama_server.py").read_text()
    return f"#!{sys.executable}\n{source}"


def xllamacpp_files(device: str) -> dict[str, str | bytes]:
    """This Python's xllamacpp as another build of it, which tells of one more device.

    It computes on the processor whatever device it is told to use.
    """
    import xllamacpp

    folder = Path(xllamacpp.__file__).parent
    files: dict[str, str | bytes] = {
        f"xllamacpp/{path.name}": path.read_bytes() for path in folder.iterdir() if path.is_file()
    }
    files["xllamacpp/__init__.py"] = (
        (folder / "__init__.py").read_text()
        + f"""

class CommonParams(CommonParams):
    main_gpu = split_mode = None

_processors = get_device_info

def get_device_info():
    found = _processors()
    return [{{**found[0], "name": {device!r}, "description": "Test GPU"}}, *found]
"""
    )
    return files
