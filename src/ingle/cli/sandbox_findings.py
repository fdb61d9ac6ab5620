"""What ``ingle doctor`` says of the sandbox: what its level keeps, what not, what raises it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from ingle.cli.finding import Finding

KEPT = {
    "bubblewrap": "engines reach their model and the system's libraries; no other file, program, "
    "socket or network",
    "namespace": "engines reach their model and the system's libraries; no other file, socket or "
    "network. They see the command lines of your programs, and touch none",
    "landlock": "engines open their model and the system's libraries; no other file and no network "
    "(training on several devices has one). They see the command lines of your programs, and that "
    "files exist",
    "limits": "engines can read and change your files, and end your programs; they have no network "
    "(training on several devices has one)",
}
"""By level, on Linux with filters of system calls."""
UNFILTERED = "engines can read and change your files, and reach the network"
NO_FILTERS = "this kernel or processor has no filters of system calls that ingle can use"
OLD_LANDLOCK = "engines can send signals to your programs: Landlock is older than Linux 6.12"
SWITCHES = {
    "kernel/unprivileged_userns_clone": ("0", "1"),
    "kernel/apparmor_restrict_unprivileged_userns": ("1", "0"),
    "user/max_user_namespaces": ("0", "16384"),
}
"""What keeps users from namespaces: the file, the value that does, one that does not."""
INSTALLERS = {
    "apt-get": "apt install bubblewrap", "dnf": "dnf install bubblewrap",
    "pacman": "pacman -S bubblewrap", "apk": "apk add bubblewrap",
    "zypper": "zypper install bubblewrap",
}  # fmt: skip
CONTAINER = (
    "allow namespaces: outside of containers as root, in Docker with "
    "--security-opt seccomp=unconfined --security-opt apparmor=unconfined"
)


def sandbox_findings() -> Iterator[Finding]:
    """The level first."""
    from ingle.engines import landlock, sandbox, seccomp

    level = sandbox.level()
    if sys.platform != "linux":
        text = f"{level}: {UNFILTERED}"
        yield Finding("sandbox", "warn", text, "run ingle on Linux to keep engines from them")
        return
    filters = seccomp.available()
    kept = KEPT[level] if filters or level != "limits" else UNFILTERED
    strong = level in ("bubblewrap", "namespace")
    fix = "" if level == "bubblewrap" else raising(shutil.which("bwrap") is not None)
    yield Finding("sandbox", "ok" if strong else "warn", f"{level}: {kept}", fix)
    if not filters:
        yield Finding("sandbox filters", "warn", NO_FILTERS, "use Linux on x86_64 or aarch64")
    if level in ("namespace", "landlock") and landlock.abi() < landlock.SCOPES_SINCE:
        yield Finding("sandbox signals", "warn", OLD_LANDLOCK, fix)


def raising(installed: bool, system: Path = Path("/proc/sys")) -> str:
    """The command that raises the level to the best one.

    Args:
        installed: bubblewrap is, but cannot do its work.
        system: where the kernel's settings are.
    """
    if not installed:
        known = [command for tool, command in INSTALLERS.items() if shutil.which(tool)]
        return known[0] if known else "install bubblewrap, with the system's package manager"
    for name, (closed, opened) in SWITCHES.items():
        path = system / name
        if path.exists() and path.read_text().strip() == closed:
            return f"sysctl -w {name.replace('/', '.')}={opened}"
    return CONTAINER
