"""Every Python block and every ``sh`` block of the README, the guide and the reference runs."""

from __future__ import annotations

import gc
import re
from pathlib import Path

import pytest
from sybil import Document, Example
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

from .conftest import Machine

ROOT = Path(__file__).parents[2]
ADDRESS = "http://127.0.0.1:11411"
"""What the pages say; the examples talk to a free port instead."""
FRAMEWORKS = ("langchain", "llama-index", "pydantic-ai", "openai-agents")
"""Pages whose Python needs more than the lock; see `test_integrations`."""
PAGES = [
    page
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*/**/*.md"))]
    if page.stem not in FRAMEWORKS
    and re.search(r"^```(python|sh)$", page.read_text(), re.MULTILINE)
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # an example need not close its client
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_examples_of_a_page_run(
    page: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in machine.places.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(machine.home)
    document = Document(page.read_text().replace(ADDRESS, machine.url), str(page))

    def run(example: Example) -> None:
        machine.run(example.parsed)

    for parser in (PythonCodeBlockParser(), CodeBlockParser(language="sh", evaluator=run)):
        for region in parser(document):
            document.add(region)
    for example in document:
        example.evaluate()
    document.namespace.clear()
    gc.collect()  # what was left open closes here, not in someone else's test
