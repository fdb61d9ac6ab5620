"""TRL's processes, when they die before they have told anything."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ingle.errors import WorkerDied
from ingle.training.trl.placement import Placement
from ingle.training.trl.processes import Processes, TrlPython

DYING = f"""#!{sys.executable}
import os, sys
sys.stderr.write("[rank0]: Traceback (most recent call last):\\n")
sys.stderr.write("[rank0]:   File 'x.py', line 1, in <module>\\n")
sys.stderr.write("[rank0]: ValueError: the rows do not fit\\n")
sys.stderr.write("subprocess.CalledProcessError: Command 'x' returned non-zero exit status 1.\\n")
sys.stderr.flush()
{{end}}
"""


@pytest.mark.parametrize(
    ("end", "how"),
    [
        ("sys.exit(1)", "exit status 1"),
        ("os.abort()", "killed by SIGABRT"),
        ("os.kill(os.getpid(), 9)", "killed by SIGKILL, possibly because memory ran out"),
    ],
)
def test_their_death_is_told_with_what_the_first_of_them_said(
    end: str, how: str, tmp_path: Path
) -> None:
    python = tmp_path / "python"
    python.write_text(DYING.format(end=end))
    python.chmod(0o755)
    environment = TrlPython(str(python), tmp_path, tmp_path / "cache")
    job, placement = tmp_path / "job.json", Placement(("cpu",), 1)
    with (
        Processes(environment, tmp_path, job, placement, "tea") as processes,
        pytest.raises(WorkerDied) as died,
    ):
        list(processes.lines(lambda: False))
    assert died.value.message == (
        f"the process that trained tea with TRL died ({how}); "
        "its last words: ValueError: the rows do not fit"
    )
    assert died.value.hint == "ingle train --resume tea"
