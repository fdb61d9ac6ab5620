"""Translating, from Python: ``home.translate("Good morning", to="de")``."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

from ingle.capabilities.blobs.client import BlobMethods
from ingle.capabilities.translate.document_files import documents
from ingle.capabilities.translate.document_pivot import document_events
from ingle.capabilities.translate.operation import (
    DocumentFormat,
    GlossaryTerm,
    TextFormat,
    Translate,
    TranslatedBytes,
    TranslatedText,
    Translation,
)
from ingle.capabilities.translate.routing import translation_events
from ingle.errors import ProtocolError
from ingle.operations import Event


@dataclasses.dataclass(frozen=True)
class TranslatedTexts:
    """Texts in another language."""

    texts: list[str]
    translation: Translation

    @property
    def text(self) -> str:
        """All of them, as lines."""
        return "\n".join(self.texts)

    @property
    def source(self) -> str:
        """The language that they were in."""
        return self.translation.source


class TranslateMethods(BlobMethods):
    """Methods of `AsyncHome`."""

    async def translate(
        self,
        texts: str | Sequence[str],
        to: str,
        *,
        source: str = "",
        model: str = "",
        format: TextFormat = "text",  # noqa: A002 - the field's name everywhere
        glossary: Mapping[str, str] | None = None,
        on: str = "",
    ) -> TranslatedTexts:
        """Texts in another language.

        Args:
            to: the language that is wanted, as a tag such as ``de``.
            source: the language that they are in; empty: it is detected.
            model: a model that translates, or one that chats; empty: one that is here and fits.
            glossary: terms, and what is written for each.
        """
        asked = [texts] if isinstance(texts, str) else list(texts)
        request = Translate(
            model=model or self.settings.translate_model,
            texts=asked,
            to=to,
            source=source,
            format=format,
            glossary=[GlossaryTerm(source=a, target=b) for a, b in (glossary or {}).items()],
            on=on,
        )
        written = [""] * len(asked)
        async with aclosing(self.translating(request)) as events:
            async for event in events:
                if isinstance(event, TranslatedText):
                    written[event.index] += event.text
                elif isinstance(event, Translation):
                    return TranslatedTexts(written, event)
        raise ProtocolError("the translation did not come to its end", hint="try again")

    async def translating(self, request: Translate) -> AsyncGenerator[Event, None]:
        """The events of a translation, as they come.

        Args:
            request: with the model ``auto``, one that is here and fits is taken, or two with
                English in between.
        """
        detector = self.settings.detect_model
        async with aclosing(translation_events(self.node, request, detector)) as events:
            async for event in events:
                yield event

    async def translate_document(
        self, file: str | Path, to: str, target: str | Path, **options: Any
    ) -> Translation:
        """Translate a document into a file: txt, md, html, srt, vtt, po or docx.

        Args:
            target: where the translation goes; it appears when it is complete.
            options: ``source``, ``model``, ``glossary`` and ``on`` as of `translate`, ``format``
                where the file's name does not say it.
        """
        form = options.pop("format", "")
        glossary = options.pop("glossary", None) or {}
        (document,) = documents([str(file)], form)
        terms = [GlossaryTerm(source=one, target=other) for one, other in glossary.items()]
        options["model"] = options.get("model") or self.settings.translate_model
        data = bytearray()
        events = self.translating_document(file, document.format, to=to, glossary=terms, **options)
        async with aclosing(events):
            async for event in events:
                if isinstance(event, TranslatedBytes):
                    data += event.data
                elif isinstance(event, Translation):
                    part = Path(target).with_name(Path(target).name + ".part")
                    part.write_bytes(data)
                    part.replace(target)
                    return event
        raise ProtocolError("the translation did not come to its end", hint="try again")

    async def translating_document(
        self, file: str | Path, form: DocumentFormat | str, **fields: Any
    ) -> AsyncGenerator[Event, None]:
        """The events of a document's translation, as they come: its bytes in the end.

        Args:
            fields: of `Translate`.
        """
        async with self._lent(file) as blob:
            request = Translate(document=blob, format=form, **fields)  # type: ignore[arg-type]
            detector = self.settings.detect_model
            async with aclosing(document_events(self, request, Path(file), detector)) as events:
                async for event in events:
                    yield event
