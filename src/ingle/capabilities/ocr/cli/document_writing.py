"""`DocumentWriting`: one document on its way to one file, or to stdout."""

from __future__ import annotations

import contextlib
import hashlib
import sys
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingle.capabilities.ocr.cli.page_journal import PageJournal
from ingle.capabilities.ocr.cli.page_line import PageLine
from ingle.capabilities.ocr.cli.readable_files import PDF
from ingle.capabilities.ocr.operation import OcrDocument, OcrPage, OcrProgress
from ingle.cli.output import Output
from ingle.errors import ProtocolError
from ingle.operations.events import Note
from ingle.pages.page_formats import FORMATS

if TYPE_CHECKING:
    from ingle.client.home import AsyncHome


class DocumentWriting:
    """One document that is read and written.

    Args:
        form: of `FORMATS`, or ``pdf``.
        asked: as `OcrMethods.ocr_events` takes it.
    """

    def __init__(
        self, output: Output, home: AsyncHome, document: Path, form: str, asked: dict[str, Any]
    ) -> None:
        self._output = output
        self._home = home
        self._document = document
        self._form = form
        self._asked = asked

    async def into(self, target: Path | None) -> None:
        """Read it and write it; None: to stdout. A file appears when it is complete."""
        if target is None:
            await self._to_stdout()
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._document.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        request = {name: value for name, value in self._asked.items() if name != "on"}
        journal = PageJournal(target, digest, request)
        complete = False
        try:
            known = len(journal.pages)
            if known:
                self._output.note(f"{self._document.name}: {_pages(known)} read before")
            async with contextlib.aclosing(self._events(skip=known)) as events:
                async for event in events:
                    if isinstance(event, OcrPage):
                        journal.add(event)
                    else:
                        await self._write(target, journal.pages, event)
                        complete = True
        finally:
            journal.close(complete=complete)
        self._output.note(f"{target}: {_pages(len(journal.pages))}")

    async def _write(self, target: Path, pages: list[OcrPage], document: OcrDocument) -> None:
        if self._form == PDF:
            await self._pdf(target, pages)
            return
        part = target.with_name(target.name + ".part")
        form, name = FORMATS[self._form], self._document.name
        with part.open("w", encoding="utf-8") as file:
            file.write(form.start(name))
            for at, page in enumerate(pages):
                file.write(form.page(page, at, name))
            file.write(form.end(document))
        part.replace(target)

    async def _pdf(self, target: Path, pages: list[OcrPage]) -> None:
        await self._home.searchable_pdf(
            self._document,
            target,
            pages,
            self._asked["model"],
            password=self._asked["password"],
            on=self._asked["on"],
        )

    async def _to_stdout(self) -> None:
        if self._form == PDF:
            with tempfile.TemporaryDirectory(prefix="ingle-") as folder:
                pages = [event async for event in self._events() if isinstance(event, OcrPage)]
                path = Path(folder) / "searchable.pdf"
                await self._pdf(path, pages)
                sys.stdout.buffer.write(path.read_bytes())
            return
        form, name, place = FORMATS[self._form], self._document.name, 0
        begun = False
        async with contextlib.aclosing(self._events()) as events:
            async for event in events:
                if not begun:  # nothing is written for a document that cannot be read
                    self._output.text(form.start(name), end="")
                    begun = True
                if isinstance(event, OcrPage):
                    self._output.text(form.page(event, place, name), end="")
                    place += 1
                else:
                    self._output.text(form.end(event), end="")

    async def _events(self, skip: int = 0) -> AsyncGenerator[OcrPage | OcrDocument, None]:
        """Pages and the end. What is to be said beside them goes to stderr."""
        name, empty = self._document.name, not skip
        ended: OcrDocument | None = None
        events = self._home.ocr_events(self._document, skip=skip, **self._asked)
        async with contextlib.aclosing(events) as every:
            with PageLine(self._output, name) as line:
                async for event in every:
                    match event:
                        case OcrProgress():
                            line.show(event)
                        case OcrPage(blocks=blocks):
                            line.hide()
                            empty = empty and not blocks
                            yield event
                        case OcrDocument():
                            ended = event
                        case Note(message=message):
                            self._output.note(f"note: {name}: {message}")
                        case _:
                            self._output.status(event)
        if ended is None:
            raise ProtocolError("the document did not come to its end", hint="try again")
        if empty:
            self._output.note(f"note: {name}: no text was found")
        yield ended


def _pages(count: int) -> str:
    return f"{count} page{'' if count == 1 else 's'}"
