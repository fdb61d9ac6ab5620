"""How far an installation is, on stderr."""

from __future__ import annotations

from ingle.cli.output import Output, ProgressLine
from ingle.engines.installation import Told
from ingle.operations import Progress


class InstallProgress:
    """Shows steps and downloads. Use as a context manager."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._line = ProgressLine(output)
        self.told = Told(self._step, self._download)

    def __enter__(self) -> InstallProgress:
        self._line.__enter__()
        return self

    def __exit__(self, *reason: object) -> None:
        self._line.__exit__(*reason)

    def _step(self, text: str) -> None:
        if not self._output.json:
            self._output.note(text)

    def _download(self, completed: int, total: int) -> None:
        self._line.show(
            Progress(stage="downloading", name="the package", completed=completed, total=total)
        )
