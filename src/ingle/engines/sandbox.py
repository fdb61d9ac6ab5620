"""The sandbox around a worker: no network, no files but its model, no other process.

Four levels, the best that the platform has:

* ``bubblewrap`` (Linux, where ``bwrap`` works): own namespaces, a read-only
  system, the model's files and an empty ``/tmp``; nothing else exists.
* ``namespace`` (Linux): the same by our own hand, but for the namespace of processes.
* ``landlock`` (Linux 5.13): nothing else can be opened, no socket but unix ones.
* ``limits``: files can be read. On Linux there is no socket but unix ones.

On Linux a system call filter and the loss of all capabilities come on top, at each level.
`ingle doctor` says which level holds; `docs/explanation/security.md` what each one keeps.
"""

from __future__ import annotations

import contextlib
import functools
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingle.engines import landlock, namespaces, privileges, seccomp, vulkan_drivers
from ingle.engines.landlock import Ruleset
from ingle.engines.system_paths import NULL_DEVICES, gpu_nodes, import_paths, system_paths

LEVELS = ("bubblewrap", "namespace", "landlock", "limits")
MAX_WRITE = 64 * 2**20
"""Bytes of a file that a worker may write: engines write sockets and caches, nothing more."""
MAX_FILES = 4096
MAX_TASKS = 512
MAX_TASKS_PER_CORE = 24
"""Processes and threads that a worker may add to those of its user. Root is not held to it by the
kernel; `watch.processes` is. Several thousand that all compute leave the node, which is to end
them, no turn on a small machine; a trainer starts several on each core of a large one."""

OPENMP = {"GOMP_SPINCOUNT": "20000"}
"""How engines' threads wait for each other between the small steps of a token. Sleeping
at once (``OMP_WAIT_POLICY=passive``) costs two thirds of a small model's speed; spinning
as long as libgomp does by default steals the core from anyone else who needs it. A short
spin was the fastest of all measured (docs/log.md, 2026-11-22)."""

DEVICE_CHOICES = (
    "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES",
    "GGML_VK_VISIBLE_DEVICES", "ONEAPI_DEVICE_SELECTOR",
)  # fmt: skip
"""Variables by which an owner says which graphics devices drivers and engines may see."""

DEBUGGER = {"GGML_NO_BACKTRACE": "1"}
"""An assertion of llama.cpp that fails has a debugger attach to the process, which holds up its
end for a second or for ever, and says nothing to anyone who reads the log."""


@dataclass(frozen=True)
class SandboxPolicy:
    """What a process may do.

    Args:
        readable: files and folders, besides Python and the system's libraries.
        writable: folders.
        network: it may open connections.
        loopback: its own processes speak with each other by TCP. Where there is no network
            namespace, that opens all of the network to it.
        variables: its environment; `environment` if None.
        largest_file: bytes of a file that it may write; None: no limit of ours.
        most_memory: bytes that it may map for itself alone, whether it touches them or not; None:
            no limit of ours.
    """

    readable: Sequence[str] = ()
    writable: Sequence[str] = ()
    network: bool = False
    loopback: bool = False
    variables: Mapping[str, str] | None = None
    largest_file: int | None = MAX_WRITE
    most_memory: int | None = None


@dataclass(frozen=True)
class Launch:
    """How a process is started inside."""

    command: list[str]
    variables: dict[str, str]
    descriptors: list[int]
    """What it must inherit."""
    enter: Callable[[], None]
    """What it does between fork and exec. Raises if any wall cannot be put up."""


@functools.cache
def level() -> str:
    """The best of `LEVELS` that works here."""
    return next(filter(works, LEVELS))


def works(named: str) -> bool:
    """This system can give that level. Tried, not guessed."""
    match named:
        case "bubblewrap":
            return sys.platform == "linux" and _bubblewrap_works()
        case "namespace":
            return landlock.abi() > 0 and namespaces.work()
        case "landlock":
            return landlock.abi() > 0
    return True


@contextlib.contextmanager
def launching(
    command: Sequence[str], policy: SandboxPolicy, *, temporary: str = ""
) -> Iterator[Launch]:
    """How to start a command under a policy, within the block.

    Args:
        temporary: a folder of its own, where the level does not make one; see `needs_folder`.
    """
    variables = dict(environment() if policy.variables is None else policy.variables)
    if sys.platform != "linux":
        limit = functools.partial(_limit, policy)
        yield Launch(list(command), _with_folder(variables, temporary), [], limit)
    elif level() == "bubblewrap":
        with _in_bubblewrap(command, policy, variables) as launch:
            yield launch
    else:
        with _by_hand(command, policy, variables, temporary) as launch:
            yield launch


def needs_folder() -> bool:
    """Its own temporary folder must be made for it, and removed when it has ended."""
    return level() in ("landlock", "limits")


@contextlib.contextmanager
def _in_bubblewrap(
    command: Sequence[str], policy: SandboxPolicy, variables: dict[str, str]
) -> Iterator[Launch]:
    def enter() -> None:
        _limit(policy)
        privileges.forbid_new_privileges()
        privileges.end_with_parent()

    arguments = _bubblewrap(policy, variables)
    filtered = _filter(policy)
    if filtered is None:
        yield Launch([*arguments, "--", *command], variables, [], enter)
        return
    descriptor = os.memfd_create("filter")
    try:
        os.write(descriptor, filtered)
        os.lseek(descriptor, 0, os.SEEK_SET)
        arguments += ["--seccomp", str(descriptor)]
        yield Launch([*arguments, "--", *command], variables, [descriptor], enter)
    finally:
        os.close(descriptor)


def _bubblewrap(policy: SandboxPolicy, variables: Mapping[str, str]) -> list[str]:
    arguments = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--clearenv"]
    if policy.network:
        arguments.append("--share-net")
    for name, value in variables.items():
        arguments += ["--setenv", name, value]
    arguments += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]  # noqa: S108
    if os.geteuid() == 0:
        arguments += ["--cap-drop", "ALL"]
        for (
            path
        ) in namespaces.ROOTS_SWITCHES:  # its own /proc, but the kernel asks only whose it is
            arguments += ["--ro-bind-try", path, path]
    for path in system_paths(network=policy.network):
        arguments += ["--ro-bind-try", path, path]
    for node in gpu_nodes():
        arguments += ["--dev-bind-try", node, node]
    arguments += ["--ro-bind-try", "/sys", "/sys"]
    for path in policy.readable:
        arguments += ["--ro-bind", path, path]
        real = os.path.realpath(path)
        if real != path:
            arguments += ["--ro-bind", real, real]
    for path in policy.writable:
        arguments += ["--bind", path, path]
    return arguments


@contextlib.contextmanager
def _by_hand(
    command: Sequence[str], policy: SandboxPolicy, variables: dict[str, str], temporary: str
) -> Iterator[Launch]:
    """At the levels where each wall is put up by the process itself.

    What can be is made ready before the fork: between it and exec locks may be held that no one
    will ever open, so nothing is imported there.
    """
    own_root = level() == "namespace"
    folder = namespaces.TEMPORARY if own_root else temporary
    system = system_paths(network=policy.network)
    content = _content(policy, system) if own_root else []
    own = [namespaces.TEMPORARY, namespaces.SHARED_MEMORY] if own_root else [temporary]
    filtered = _filter(policy)
    rights = _rights(policy)
    with _ruleset(policy, system) as ruleset:

        def enter() -> None:
            _limit(policy)
            privileges.forbid_new_privileges()
            privileges.keep_descendants()
            if own_root:
                namespaces.enter(content, network=policy.network)
            privileges.drop_capabilities()
            privileges.end_with_parent()
            if ruleset is not None:
                ruleset.allow(own, rights)
                ruleset.restrict()
            if filtered is not None:
                seccomp.restrict(filtered)

        yield Launch(list(command), _with_folder(variables, folder), [], enter)


def _content(policy: SandboxPolicy, system: Sequence[str]) -> list[namespaces.Place]:
    """What there is in a root of its own."""
    read = namespaces.places([*system, *policy.readable, "/sys"], writable=False)
    return read + namespaces.places([*policy.writable, *gpu_nodes(), "/proc"], writable=True)


@contextlib.contextmanager
def _ruleset(policy: SandboxPolicy, system: Sequence[str]) -> Iterator[Ruleset | None]:
    """What may be opened; None at a level where everything may be."""
    if level() == "limits":
        yield None
        return
    ruleset = Ruleset(tcp=_internet(policy))
    try:
        # All of /proc: what tells of a process's memory, files and variables is refused by
        # Landlock itself, for those that are not its own.
        ruleset.allow([*system, *policy.readable, "/proc", "/sys"], landlock.READ)
        if _writes_proc():
            ruleset.allow(["/proc"], landlock.READ | landlock.WRITE_FILE | landlock.TRUNCATE)
        ruleset.allow([*NULL_DEVICES, *gpu_nodes()], landlock.DEVICE)
        ruleset.allow(policy.writable, _rights(policy))
        yield ruleset
    finally:
        ruleset.close()


def _writes_proc() -> bool:
    """CUDA's driver starts only where it may write what it owns beneath ``/proc``.

    Root owns the kernel's settings there, so where nothing else closes those, it may not.
    """
    has_nvidia = any(node.startswith("/dev/nvidia") for node in gpu_nodes())
    return has_nvidia and (os.geteuid() != 0 or level() == "namespace")


def _rights(policy: SandboxPolicy) -> int:
    """In its own folders. A link there would be a short name for any socket."""
    return landlock.WRITE if _short_names(policy) else landlock.WRITE | landlock.MAKE_SYM


def _filter(policy: SandboxPolicy) -> bytes | None:
    """What may be asked of the kernel; None where it has no filters."""
    if not seccomp.available():
        return None
    families = [*seccomp.INTERNET] if _internet(policy) else []
    if policy.loopback or not policy.network:
        families += seccomp.UNIX
    shared_root = level() == "landlock"  # elsewhere no other file has a name, or all are open
    return seccomp.program(
        tuple(families), attributes=not shared_root, short_names=_short_names(policy)
    )


def _short_names(policy: SandboxPolicy) -> bool:
    """Nothing but the length of their names keeps it from other programs' unix sockets."""
    by_landlock = landlock.abi() >= landlock.UNIX_SOCKETS_SINCE
    return level() == "landlock" and not by_landlock and not _internet(policy)


def _internet(policy: SandboxPolicy) -> bool:
    """It may open sockets of the internet. In a network namespace of its own they lead nowhere."""
    return policy.network or policy.loopback or level() in ("bubblewrap", "namespace")


def _limit(policy: SandboxPolicy) -> None:
    # Not RLIMIT_AS, which also counts the pages of weights that are mapped from their files.
    for limit, most in (
        (resource.RLIMIT_DATA, policy.most_memory),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, policy.largest_file),
        (resource.RLIMIT_NOFILE, MAX_FILES),
        (resource.RLIMIT_NPROC, _most_tasks()),
    ):
        if most is None:
            continue
        hard = resource.getrlimit(limit)[1]
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (allowed, allowed))


def _most_tasks() -> int | None:
    """The kernel counts all processes and threads of a user, those outside included."""
    try:
        running_and_all = Path("/proc/loadavg").read_text().split()[3]
    except OSError:
        return None
    return (
        int(running_and_all.partition("/")[2])
        + MAX_TASKS
        + MAX_TASKS_PER_CORE * (os.cpu_count() or 1)
    )


def environment() -> dict[str, str]:
    """The few variables a worker gets. No tokens, no proxies, nothing of the user's."""
    keep = ("PATH", "LANG", "LC_ALL", "HOME", *DEVICE_CHOICES, *vulkan_drivers.VARIABLES)
    chosen = {name: os.environ[name] for name in keep if name in os.environ}
    for name, value in (OPENMP | DEBUGGER).items():
        chosen[name] = os.environ.get(name, value)
    chosen["PYTHONPATH"] = os.pathsep.join(import_paths())
    chosen["PYTHONDONTWRITEBYTECODE"] = "1"
    return chosen


def _with_folder(variables: Mapping[str, str], folder: str) -> dict[str, str]:
    return {**variables, "TMPDIR": folder} if folder else dict(variables)


def _bubblewrap_works() -> bool:
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return False
    trial = [bwrap, "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--", "/bin/true"]
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0
