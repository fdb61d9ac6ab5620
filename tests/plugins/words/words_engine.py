"""The engine of the words format: it completes a prompt with the words that begin so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingle.engines.declaration import EngineDeclaration

if TYPE_CHECKING:
    from ingle.engines.engine import Emit, LoadSpec
    from ingle.operations import DeviceInfo, Operation

SPELLER = EngineDeclaration(
    name="speller",
    loader="words_engine:Speller",
    formats=("words",),
    capabilities=("complete",),
    options=("loud",),
)


class Speller:
    name = "speller"

    def version(self) -> str:
        return "1.0"

    def devices(self) -> list[DeviceInfo]:
        return []

    def open(self, spec: LoadSpec) -> Session:
        folder = Path(spec.folder)
        # It reads its files by their names in their folder, as many libraries do.
        letters = (folder / "data" / "vocabulary.txt").read_text()
        words = (folder / "data" / "list.txt").read_text().split()
        assert (folder / "config.json").is_file()
        assert [str(folder / "data" / "vocabulary.txt")] == spec.files["vocabulary"]
        return Session([word for word in words if set(word) <= set(letters)])


class Session:
    def __init__(self, words: list[str]) -> None:
        self._words = words
        self.facts: dict[str, Any] = {}

    def perform(self, operation: Operation, emit: Emit) -> None:
        from ingle.capabilities.complete.operation import Complete
        from ingle.errors import CapabilityMissing
        from ingle.operations import Finish, Text, Timing, Usage

        if not isinstance(operation, Complete) or not isinstance(operation.prompt, str):
            raise CapabilityMissing("a speller can only complete")
        for word in self._words:
            if word.startswith(operation.prompt):
                emit(Text(text=f"{word[len(operation.prompt) :]} "))
        emit(Finish(reason="stop"))
        emit(Usage(prompt_tokens=1, completion_tokens=1))
        emit(Timing())

    def close(self) -> None:
        pass
