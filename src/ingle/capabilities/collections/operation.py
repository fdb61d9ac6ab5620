"""Collections: documents of one's own, made searchable, searched and removed."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from ingle.errors import InvalidRequest
from ingle.operations.events import ModelResult, Usage
from ingle.operations.job_events import JobOperation
from ingle.operations.message import Message
from ingle.operations.operation import Event, Operation

CollectionName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
MOST_RESULTS = 100
NO_RERANKER, DEFAULT_RERANKER = "none", "default"
"""In place of a reranker's name: without one; the one that is set."""


class AddDocuments(JobOperation, frozen=True, kw_only=True, tag="collections"):
    """Have a collection hold what is in files and folders, as they are now.

    What did not change is not read again; what is gone there goes here. Events: `JobProgress` in
    files, `DocumentAdded`, `DocumentSkipped`, at last `JobEnded`.
    """

    collection: CollectionName | None = None
    """It is made, if it is not there. Not needed to resume."""
    paths: list[str] = []
    """Files and folders of this machine; absolute. Empty: those that it was made of."""
    model: str = ""
    """That makes vectors; empty: the collection's, or the node's."""
    only: list[str] = []
    """Patterns of names, such as ``*.md``."""
    exclude: list[str] = []
    tokens: Annotated[int, msgspec.Meta(ge=16, le=8192)] = 256
    """Of a passage at most, with the path of its headings."""
    overlap: Annotated[int, msgspec.Meta(ge=0, le=4096)] = 32
    """Tokens that two passages have in common at most."""
    reembed: bool = False
    """Read everything again, as with another ``model`` or other ``tokens``."""

    def check(self) -> None:
        if not self.resume and self.collection is None:
            raise InvalidRequest("collection: give it a name", field="collection")


class DocumentAdded(Event, frozen=True, kw_only=True, tag="collections.added"):
    """A document is in the collection."""

    place: str
    kind: str
    passages: int


class DocumentSkipped(Event, frozen=True, kw_only=True, tag="collections.skipped"):
    """A file is not in it."""

    place: str
    problem: str


class CollectionInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One collection, as ``ingle collection list`` shows it."""

    name: str
    model: str = ""
    documents: int = 0
    passages: int = 0
    problems: int = 0
    """Files that could not be read."""
    size: int = 0
    """Bytes on the disk."""
    roots: list[str] = []
    """Files and folders that it is made of."""


class ListCollections(Operation, frozen=True, kw_only=True, tag="collections.list"):
    """All collections, or one. One `CollectionList`."""

    collection: CollectionName | None = None


class CollectionList(Event, frozen=True, kw_only=True, tag="collections.all"):
    """Collections by name."""

    collections: list[CollectionInfo]
    skipped: list[DocumentSkipped] = []
    """Of one collection: files that could not be read."""


class RemoveCollection(Operation, frozen=True, kw_only=True, tag="collections.remove"):
    """Delete a collection. The files that it was made of stay. One `Done`."""

    collection: CollectionName


class SearchCollection(Operation, frozen=True, kw_only=True, tag="collections.search"):
    """Find passages. One `SearchResults`."""

    collection: CollectionName
    query: Annotated[str, msgspec.Meta(min_length=1, max_length=100_000)]
    most: Annotated[int, msgspec.Meta(ge=1, le=MOST_RESULTS)] = 10
    mode: Literal["hybrid", "vectors", "words"] = "hybrid"
    places: list[str] = []
    """Patterns of the files' places, such as ``*/reports/*.pdf``, of which one fits."""
    kinds: list[str] = []
    since_s: float = 0.0
    """Files changed since then, in seconds of Unix time."""
    until_s: float = 0.0
    per_document: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Results of one document at most; 0: any number."""
    reranker: str = ""
    """A model that orders what was found; empty: the node's, if one is set (``rerank_model``);
    ``default``: that one, or an error; ``none``: without."""
    diverse: bool = False
    """What says something else comes before what says the same again."""
    rewrite: bool = False
    """A chat model says the query in other words first; both are searched for."""
    model: str = ""
    """That chat model; empty: the node's."""


class SearchResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A passage."""

    place: str
    text: str
    score: float
    """Orders the results of one search, and says nothing beyond it."""
    title: str = ""
    headings: list[str] = []
    page: int = 0
    start: int = 0
    """Of its first character in the text of the document."""
    end: int = 0
    document: str = ""
    """SHA-256 of the file."""


class SearchResults(Event, frozen=True, kw_only=True, tag="collections.results"):
    """The best passages, the best first. Two that follow each other are one result."""

    results: list[SearchResult]
    model: str = ""
    """That made the vectors."""
    embed_s: float = 0.0
    """Seconds that the query's vector took."""
    search_s: float = 0.0
    reranker: str = ""
    """The model that ordered them; empty: none."""
    rerank_s: float = 0.0
    query: str = ""
    """What was searched for, where it is not what was asked."""


class AskCollection(Operation, frozen=True, kw_only=True, tag="collections.ask"):
    """Answer a question from a collection's passages, with sources.

    The passages are shown to the model as data, and it has no tools. Events: `SearchResults`, the
    passages that it is shown; `Status` while a whole document is read in parts; `Text` as it is
    written; at last one `CollectionAnswer`.
    """

    collection: CollectionName
    question: Annotated[str, msgspec.Meta(min_length=1, max_length=100_000)]
    history: list[Message] = []
    """Questions and answers before, for one that goes on from them."""
    model: str = ""
    """A chat model; empty: the node's."""
    on: str = ""
    """Where that runs: a paired device, ``local`` or anywhere."""
    most: Annotated[int, msgspec.Meta(ge=1, le=MOST_RESULTS)] = 8
    """Passages that it is shown at most, as far as its context holds them."""
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] = 512
    places: list[str] = []
    """As for a search."""
    kinds: list[str] = []
    reranker: str = ""
    diverse: bool = False
    rewrite: bool = False
    """The model says the question in other words first, for the search: one that goes on from
    ``history`` becomes one that stands alone."""
    whole: bool = False
    """Whole documents, those of ``places``, are read from beginning to end; in parts, whose notes
    are put together, where they do not fit into the model's context. Without ``whole`` that happens
    if a summary is asked for of a file that the question names."""


class AnswerSentence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A sentence of an answer."""

    text: str
    citations: list[int] = []
    """Numbers of passages that it names and that bear it out, from 1."""
    supported: bool = False
    """It cites a passage, and what it says stands there: its numbers, what it quotes, most of its
    words. That is a check of the words, not of the meaning."""


class CollectionAnswer(ModelResult, frozen=True, kw_only=True, tag="collections.answer"):
    """The answer is whole."""

    text: str
    found: bool
    """The documents had something to answer with."""
    sentences: list[AnswerSentence] = []
    usage: Usage = Usage(prompt_tokens=0)
