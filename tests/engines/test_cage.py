"""What a worker that was taken over can reach: the same probes at every level of the sandbox."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from ingle.engines import landlock, sandbox
from ingle.engines.engine import LoadSpec
from ingle.testing import check_engine

LEVELS = [level for level in sandbox.LEVELS if sandbox.works(level)]
NOBODY = 65534
WITH_NVIDIA = "nvidia"
REACHED_WITHOUT_LANDLOCK = {
    "key", "home", "inbox", "abstract_socket", "unix_socket", "linked_socket", "padded_socket",
    "store", "state", "outside", "open_up", "signal_node",
}  # fmt: skip
SEEN: dict[str, set[str]] = {
    "bubblewrap": set(), "namespace": {"command_line"},
    "landlock": {"command_line", "seen"}, "limits": {"command_line", "seen"},
}  # fmt: skip
"""What can be looked at everywhere but in a root, or among processes, of one's own."""
OF_ROOT = {"kernel_setting"}
"""What root reaches besides: it owns the kernel's settings."""

AS_NOBODY = """
mount --bind "$1" /mnt && mount -t tmpfs -o mode=755 none "$2" && mkdir -p "$1" &&
mount --move /mnt "$1" && shift 2 &&
exec setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all --inh-caps=-all "$@"
"""
"""In a mount namespace of its own, where the folder of Python lies in one that all may enter."""


def closed_ancestor(path: Path) -> Path | None:
    """The first folder above that others may not enter."""
    closed = [above for above in reversed(path.parents) if not above.stat().st_mode & 0o001]
    return closed[0] if closed else None


def as_nobody() -> list[str]:
    """What runs a command as an ordinary user."""
    python = Path(sys.base_prefix)
    closed = closed_ancestor(python)
    if closed is None:
        return [
            "setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups",
            "--bounding-set=-all", "--inh-caps=-all",
        ]  # fmt: skip
    return ["unshare", "-m", "sh", "-c", AS_NOBODY, "sh", str(python), str(closed)]


def met(level: str, through: list[str], *seed: str) -> dict[str, str]:
    """What each probe met with; see `tests.engines.cage`."""
    told = subprocess.run(
        [*through, sys.executable, "-m", "tests.engines.cage", level, *seed],
        env={**os.environ, "INGLE_TOKEN": "the secret", "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    found: dict[str, str] = json.loads(told.stdout.splitlines()[-1])
    return found


def check(found: dict[str, str], level: str, *, root: bool) -> None:
    """No more was reached than the documentation says."""
    expected: set[str] = set(SEEN[level])
    if level == "limits":
        expected |= REACHED_WITHOUT_LANDLOCK | (OF_ROOT if root else set())
    elif level != "bubblewrap" and landlock.abi() < landlock.SCOPES_SINCE:
        expected |= {"signal_node"}
    bomb = found.pop("fork_for_ever")
    assert {name for name, how in found.items() if how == "reached"} == expected
    assert "it started more than" in bomb
    assert len(found) > 25


linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has walls to probe")


@linux
@pytest.mark.parametrize("level", LEVELS)
def test_no_probe_gets_further_than_is_documented(level: str) -> None:
    check(met(level, []), level, root=os.geteuid() == 0)


@linux
@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv") or not shutil.which("unshare"),
    reason="only root can become another user",
)
@pytest.mark.parametrize("level", LEVELS)
def test_no_probe_of_an_ordinary_user_gets_further(level: str) -> None:
    check(met(level, as_nobody()), level, root=False)


@linux
@pytest.mark.parametrize("level", LEVELS)
def test_beside_an_nvidia_card_no_probe_gets_further(level: str) -> None:
    """CUDA's driver writes beneath ``/proc``; the kernel's settings stay closed."""
    check(met(level, [], WITH_NVIDIA), level, root=os.geteuid() == 0)


@linux
@pytest.mark.parametrize("level", LEVELS)
def test_what_cudas_driver_asks_for_when_it_starts(
    level: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sandbox, "level", lambda: level)
    monkeypatch.setattr(sandbox, "gpu_nodes", lambda: ["/dev/nvidiactl"])
    asks = (
        "import os, socket;"
        "open(f'/proc/self/task/{os.getpid()}/comm', 'w').write('named');"
        "socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).bind('\\0ingle-test-uvmfd')"
    )
    with sandbox.launching(
        [sys.executable, "-c", asks], sandbox.SandboxPolicy(), temporary=str(tmp_path)
    ) as launch:
        told = subprocess.run(
            launch.command, env=launch.variables, preexec_fn=launch.enter,
            pass_fds=launch.descriptors, capture_output=True, text=True, check=False,
        )  # fmt: skip
    if level == "landlock" and os.geteuid() == 0:
        assert "PermissionError" in told.stderr  # root would own the kernel's settings, too
    else:
        assert told.returncode == 0, told.stderr


@pytest.mark.parametrize("level", LEVELS)
def test_llama_works_at_every_level(
    level: str, ember_spec: LoadSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "level", lambda: level)
    held = check_engine("llama", msgspec.structs.replace(ember_spec, slots=2))
    assert {"generates", "tokenizes", "cancels", "ends when told"} <= set(held)
