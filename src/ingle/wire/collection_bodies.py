"""``/api/collections``: bodies of searches and questions, and their answers."""

from __future__ import annotations

from typing import Literal, TypeVar

import msgspec

from ingle.capabilities.collections.operation import (
    AskCollection,
    AttributeFilter,
    CollectionAnswer,
    CollectionList,
    SearchCollection,
    SearchResults,
)
from ingle.errors import IngleError
from ingle.operations import Event, Message, Status, Text
from ingle.wire.body import Body, decode
from ingle.wire.ollama.errors import NDJSON, error_object
from ingle.wire.sse import encode

T = TypeVar("T", SearchCollection, AskCollection)


class SearchBody(Body, kw_only=True):
    """What is searched for; the fields are those of `SearchCollection`."""

    query: str
    on: str | None = None
    most: int | None = None
    mode: Literal["hybrid", "vectors", "words"] | None = None
    places: list[str] | None = None
    kinds: list[str] | None = None
    since_s: float | None = None
    until_s: float | None = None
    tags: list[str] | None = None
    where: AttributeFilter | None = None
    per_document: int | None = None
    reranker: str | None = None
    diverse: bool | None = None
    rewrite: bool | None = None
    model: str | None = None


class AskBody(Body, kw_only=True):
    """What is asked; the fields are those of `AskCollection`. ``stream`` is true by default."""

    question: str
    model: str | None = None
    on: str | None = None
    model_on: str | None = None
    history: list[Message] | None = None
    most: int | None = None
    max_tokens: int | None = None
    places: list[str] | None = None
    kinds: list[str] | None = None
    since_s: float | None = None
    until_s: float | None = None
    tags: list[str] | None = None
    where: AttributeFilter | None = None
    reranker: str | None = None
    diverse: bool | None = None
    rewrite: bool | None = None
    whole: bool | None = None
    stream: bool | None = None


def parse_search(collection: str, body: bytes) -> SearchCollection:
    """Read the body of a search.

    Raises:
        InvalidRequest: a bad field.
    """
    return _operation(SearchCollection, collection, decode(body, SearchBody))


def parse_question(collection: str, body: bytes) -> tuple[AskCollection, bool]:
    """Read the body of a question; whether its answer is streamed.

    Raises:
        InvalidRequest: a bad field.
    """
    asked = decode(body, AskBody)
    streamed, asked.stream = asked.stream is not False, None
    return _operation(AskCollection, collection, asked), streamed


def _operation(kind: type[T], collection: str, body: Body) -> T:
    given = {key: value for key, value in msgspec.structs.asdict(body).items() if value is not None}
    return kind(collection=collection, **given)


def listed(found: CollectionList) -> bytes:
    """Collections."""
    return encode({"collections": found.collections})


def shown(found: CollectionList) -> bytes:
    """One collection, with what could not be read."""
    skipped = [{"place": each.place, "problem": each.problem} for each in found.skipped]
    return encode({"collection": found.collections[0], "skipped": skipped})


def results(found: SearchResults) -> bytes:
    """Passages."""
    return encode({"results": found.results, "model": found.model, "reranker": found.reranker})


class AnswerLines:
    """An answer as lines of JSON: ``passages``, ``text`` as it is written, then ``answer``; in
    between ``read`` of ``total`` tokens, while whole documents are read.

    See `ingle.wire.dialect.EventStream`."""

    content_type = NDJSON

    def add(self, event: Event) -> bytes:
        match event:
            case SearchResults(results=results):
                return encode({"passages": results}) + b"\n"
            case Status(state="prompt", completed=completed, total=total):
                return encode({"read": completed, "total": total}) + b"\n"
            case Text(text=text):
                return encode({"text": text}) + b"\n"
            case CollectionAnswer():
                return encode({"done": True, "answer": answer_object(event)}) + b"\n"
        return b""

    def end(self) -> bytes:
        return b""

    def fail(self, error: IngleError) -> bytes:
        return encode(error_object(error)) + b"\n"


def answer_object(answer: CollectionAnswer) -> dict[str, object]:
    """An answer with its sentences."""
    return {
        "text": answer.text,
        "found": answer.found,
        "sentences": answer.sentences,
        "model": answer.model,
        "where": answer.where,
    }
