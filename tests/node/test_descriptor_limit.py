"""The limit of open files, raised where a node starts."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

from ingle.engines import sandbox

SCRIPT = """
import json, resource
from ingle.node.descriptors import raise_descriptor_limit
told = raise_descriptor_limit()
print(json.dumps([told, *resource.getrlimit(resource.RLIMIT_NOFILE)]))
"""


def limited(soft: int, hard: int) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard)),
    )
    found: list[int] = json.loads(done.stdout)
    return found


def test_it_is_raised_as_far_as_the_system_lets_it() -> None:
    assert limited(128, 2000) == [2000, 2000, 2000]
    assert limited(2000, 2000) == [2000, 2000, 2000]


def test_workers_do_not_get_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import resource as r; print(r.getrlimit(r.RLIMIT_NOFILE))"]
    with sandbox.launching(command, sandbox.SandboxPolicy(), temporary=tmp_path) as launch:
        done = subprocess.run(
            launch.command,
            capture_output=True,
            text=True,
            check=True,
            env=launch.variables,
            pass_fds=launch.descriptors,
            preexec_fn=launch.enter,
        )
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = sandbox.MAX_FILES if hard == resource.RLIM_INFINITY else min(sandbox.MAX_FILES, hard)
    assert done.stdout.strip() == str((most, most))
