"""Run openai-python's tests against ``ingle serve``: ``python -m tests.clients.openai_python``.

The SDK's source distribution has them, and is downloaded from PyPI. A test may fail only if
``expected_failures.txt`` names it, with the reason; one that is named and passes is a failure, too.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tarfile
import venv
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from .placeholders import proxied

VERSION = "3.54.0"
TESTS = (
    "chat/test_completions.py",
    "responses",
    "conversations",
    *(f"test_{name}.py" for name in ("responses", "conversations", "completions", "embeddings")),
    "test_models.py",
)
NEEDED = ("pytest", "pytest-asyncio", "rich", "inline-snapshot", "trio")
NAMES = {
    "ember": ("gpt-6-astra", "gpt-3.5-turbo-instruct", "model"),
    "ember-embed": ("text-embedding-3-small",),
}
"""Models as the tests name them."""
ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "build" / "openai-python"
EXPECTED = Path(__file__).with_name("expected_failures.txt")


def main() -> int:
    """Download, run, compare. Returns the exit code."""
    python = _environment()
    source = _source(python)
    results = FOLDER / "results.xml"
    results.unlink(missing_ok=True)
    with _server() as url, proxied(url, "ember") as address:
        _name_models(url)
        subprocess.run(
            [
                *(python, "-m", "pytest", "-q", "-o", "addopts=--tb=short"),
                f"--junit-xml={results}",
                *(f"tests/api_resources/{name}" for name in TESTS),
                *sys.argv[1:],
            ],
            cwd=source,
            env={**os.environ, "TEST_API_BASE_URL": f"{address}/v1"},
            check=False,
        )
    return _compared(results, whole=len(sys.argv) == 1)


def _environment() -> Path:
    python = FOLDER / "venv" / "bin" / "python"
    if not python.exists():
        venv.create(FOLDER / "venv", with_pip=True)
    packages = [f"openai[aiohttp]=={VERSION}", *NEEDED]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    return python


def _source(python: Path) -> Path:
    archive = FOLDER / f"openai-{VERSION}.tar.gz"
    if not archive.exists():
        command = [python, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        subprocess.run([*command, "--dest", FOLDER, f"openai=={VERSION}"], check=True)
        with tarfile.open(archive) as packed:
            packed.extractall(FOLDER, filter="data")
    return FOLDER / f"openai-{VERSION}"


@contextmanager
def _server() -> Iterator[str]:
    state = FOLDER / "state"
    environment = {
        **os.environ,
        "INGLE_STATE_DIR": str(state),
        "INGLE_MODELS_DIR": str(FOLDER / "models"),
        "INGLE_CONFIG": str(FOLDER / "ingle.toml"),
    }
    command = [sys.executable, "-m", "ingle.cli.main", "serve", "--port", "0"]
    with subprocess.Popen(
        command, env=environment, cwd=FOLDER, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        try:
            yield next(word for word in first.split() if word.startswith("http://"))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def _name_models(url: str) -> None:
    with httpx.Client(base_url=url) as client:
        for source, names in NAMES.items():
            for name in names:
                body = {"source": source, "destination": name}
                client.post("/api/copy", json=body).raise_for_status()


def _compared(results: Path, *, whole: bool) -> int:
    expected = _expected()
    outcomes: dict[str, list[bool]] = {}
    for case in ElementTree.parse(results).getroot().iter("testcase"):
        bad = case.find("failure") is not None or case.find("error") is not None
        outcomes.setdefault(_entry(case, expected), []).append(bad)
    failures = sum(map(sum, outcomes.values()))
    listed = sum(sum(bad) for name, bad in outcomes.items() if name in expected)
    total = sum(map(len, outcomes.values()))
    print(f"{total} tests, {failures} failed, of which {listed} are listed")
    problems = [
        *(
            f"fails, and is not listed: {name}"
            for name, bad in outcomes.items()
            if any(bad) and name not in expected
        ),
        *(
            f"is listed, and passes: {name}"
            for name in expected
            if not all(outcomes.get(name, [True]))
        ),
        *(
            f"is listed, and is not there: {name}"
            for name in expected
            if whole and name not in outcomes
        ),
    ]
    for problem in sorted(problems):
        print(problem)
    return 1 if problems or not outcomes else 0


def _expected() -> dict[str, str]:
    found = {}
    for number, line in enumerate(EXPECTED.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        name, _, reason = line.partition("  ")
        if not reason.strip():
            raise SystemExit(f"{EXPECTED.name}:{number}: {name} needs a reason")
        found[name] = reason.strip()
    return found


def _entry(case: ElementTree.Element, expected: dict[str, str]) -> str:
    """A test's name in the list: without its client, where all of them do the same."""
    place = re.sub(r"^tests\.api_resources\.|Async", "", case.get("classname", ""))
    name = f"{place}.{case.get('name')}"
    return name if name in expected else name.partition("[")[0]


if __name__ == "__main__":
    raise SystemExit(main())
