"""The program ``tesseract``: found on the path, asked for its languages, given pictures by pipe."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence

from ingle.engines.reading.page_reader import Advance
from ingle.errors import EngineFault, EngineMissing

BEAT_S = 0.2
"""How often the caller is looked for, while a page is read."""
ORIENTATION = "osd"
"""Its data for finding out how a page lies, listed among the languages."""
_INSTALL = {"darwin": "brew install tesseract", "linux": "apt-get install tesseract-ocr"}


class TesseractProgram:
    """The program.

    Raises:
        EngineMissing: it is not on the path.
    """

    def __init__(self, threads: int) -> None:
        found = shutil.which("tesseract")
        if found is None:
            raise EngineMissing(
                "the program tesseract is not on the path",
                hint=_INSTALL.get(sys.platform, "install Tesseract"),
                engine="tesseract",
                absent=True,
            )
        self._path = found
        self._variables = {"PATH": "/usr/bin:/bin", "OMP_THREAD_LIMIT": str(threads)}
        self.version = self._asked("--version").split()[1]
        listed = self._asked("--list-langs").splitlines()[1:]
        self.languages = sorted(set(listed) - {ORIENTATION})
        self.turns = ORIENTATION in listed
        """It can find out how a page lies."""

    def hocr(self, picture: bytes, languages: Sequence[str], advance: Advance) -> bytes:
        """What it reads in a picture (PNM, PNG, ...), as hOCR.

        Raises:
            Cancelled: as raised by ``advance``; the program has ended.
            EngineFault: it failed; with its own words.
        """
        arguments = [self._path, "stdin", "stdout", "-l", "+".join(languages)]
        arguments += ["--psm", "1" if self.turns else "3"]
        with subprocess.Popen(
            [*arguments, "hocr"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._variables,
        ) as process:
            told: list[tuple[bytes, bytes]] = []
            thread = threading.Thread(
                target=lambda: told.append(process.communicate(picture)), daemon=True
            )
            thread.start()
            try:
                while thread.is_alive():
                    advance(0.0)
                    thread.join(BEAT_S)
            except BaseException:
                process.kill()
                thread.join()
                raise
        ((output, words),) = told
        if process.returncode:
            raise EngineFault(
                f"tesseract ended with status {process.returncode}: "
                f"{words.decode(errors='replace').strip()[-500:] or 'it said nothing'}",
                hint="ingle doctor",
            )
        return output

    def _asked(self, flag: str) -> str:
        try:
            return subprocess.run(
                [self._path, flag],
                capture_output=True,
                text=True,
                check=True,
                env=self._variables,
                timeout=30,
            ).stdout
        except (OSError, subprocess.SubprocessError) as error:
            raise EngineMissing(
                f"{self._path} cannot be run: {error}",
                hint=_INSTALL.get(sys.platform, "install Tesseract"),
                engine="tesseract",
            ) from None
