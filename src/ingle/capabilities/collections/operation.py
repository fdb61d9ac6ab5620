"""Collections: documents of one's own, made searchable, searched and removed."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec

from ingle.errors import InvalidRequest
from ingle.operations.events import ModelResult, Usage
from ingle.operations.guest_rules import (
    AnswerLength,
    Costless,
    Estimated,
    GrantedCollection,
    GrantedModel,
    NodeLimit,
    Overruled,
    Tallied,
)
from ingle.operations.job_events import JobOperation
from ingle.operations.message import Message
from ingle.operations.operation import Event, Operation

CollectionName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
MOST_RESULTS = 100
MOST_DOCUMENTS = 10_000

FILTER = Costless("a search of fewer passages costs no more")
RESULTS = NodeLimit("passages of one search")


AttributeValue = str | bool | int | float
Attributes = dict[str, AttributeValue | list[str]]
"""What is said of a document. ``tags`` is a list of texts; other values are single ones."""
MOST_ATTRIBUTES = 64


class AttributeFilter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A comparison of one attribute, or several filters together."""

    type: Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "and", "or"]
    key: str = ""
    """Of the attribute, for a comparison."""
    value: AttributeValue | list[str | int | float] = ""
    """What it is compared with; a list for ``in`` and ``nin``."""
    filters: list[AttributeFilter] = []
    """Of ``and`` and ``or``."""


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
    """Patterns of names, such as ``*.md``. Those that are given with ``paths`` hold for them from
    then on."""
    exclude: list[str] = []
    tokens: Annotated[int, msgspec.Meta(ge=16, le=8192)] = 256
    """Of a passage at most, with the path of its headings."""
    overlap: Annotated[int, msgspec.Meta(ge=0, le=4096)] = 32
    """Tokens that two passages have in common at most."""
    attributes: Annotated[Attributes, msgspec.Meta(max_length=MOST_ATTRIBUTES)] = {}
    """What is said of the files in ``paths``, also of those that come later: ``tags``, and any
    other key. In place of what was said of these paths before; empty: that stays."""
    watch: bool = False
    """Stay, and look again when something changes, until the job is stopped or paused."""
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
    shared: bool = False
    """Paired devices may copy it, if a grant says so."""
    problem: str = ""
    """Why it cannot be opened, such as that it is of a newer version."""


class ListCollections(Operation, frozen=True, kw_only=True, tag="collections.list"):
    """All collections, or one. One `CollectionList`."""

    collection: CollectionName | None = None


class CollectionList(Event, frozen=True, kw_only=True, tag="collections.all"):
    """Collections by name."""

    collections: list[CollectionInfo]
    skipped: list[DocumentSkipped] = []
    """Of one collection: files that could not be read."""


class MakeCollection(Operation, frozen=True, kw_only=True, tag="collections.make"):
    """Make a collection without documents; one that is there stays as it is. One `Done`."""

    collection: CollectionName


class ListDocuments(Operation, frozen=True, kw_only=True, tag="collections.documents"):
    """The files of a collection, by place. One `DocumentList`."""

    collection: CollectionName
    places: list[str] = []
    """These alone, as far as they are there; empty: all."""
    after: str = ""
    """Those that come after this place."""
    most: Annotated[int, msgspec.Meta(ge=1, le=MOST_DOCUMENTS)] = 1000


class DocumentInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file that a collection has seen."""

    place: str
    size: int = 0
    sha256: str = ""
    problem: str = ""
    """Why nothing of it is in the collection; empty: it is."""
    attributes: Attributes = {}


class DocumentList(Event, frozen=True, kw_only=True, tag="collections.document_list"):
    """Files of a collection."""

    documents: list[DocumentInfo]


class DocumentText(Event, frozen=True, kw_only=True, tag="collections.document_text"):
    """The passages of a file, in their order."""

    passages: list[str]


class ReadDocument(Operation, frozen=True, kw_only=True, tag="collections.read"):
    """What the collection has of a file. One `DocumentText`."""

    collection: CollectionName
    place: str


class MarkDocuments(Operation, frozen=True, kw_only=True, tag="collections.mark"):
    """Say something of a file, or of all files below a folder. One `Done`."""

    collection: CollectionName
    place: str
    attributes: Annotated[Attributes, msgspec.Meta(max_length=MOST_ATTRIBUTES)]
    """In place of what was said before."""


class RemoveDocuments(Operation, frozen=True, kw_only=True, tag="collections.leave"):
    """Take files out of a collection; they stay where they are. One `Done`."""

    collection: CollectionName
    places: list[str]


class ShareCollection(Operation, frozen=True, kw_only=True, tag="collections.share"):
    """Let paired devices copy a collection, if a grant of ``clone`` names it. One `Done`."""

    collection: CollectionName
    shared: bool = True
    """False: no more."""


class PullCollection(Operation, frozen=True, kw_only=True, tag="collections.pull"):
    """Copy a collection that a paired device shares, or bring the copy up to date.

    Events: `Progress`, then one `CollectionPulled`.
    """

    collection: CollectionName
    peer: str
    name: str = ""
    """What it is called here; empty: as there."""

    def check(self) -> None:
        if self.name and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", self.name):
            raise InvalidRequest(f"name: {self.name!r} is not a collection's name", field="name")


class CollectionPulled(Event, frozen=True, kw_only=True, tag="collections.pulled"):
    """The collection is here."""

    name: str
    size: int
    """Bytes that travelled."""
    added: int
    unchanged: int
    removed: int


class RemoveCollection(Operation, frozen=True, kw_only=True, tag="collections.remove"):
    """Delete a collection. The files that it was made of stay. One `Done`."""

    collection: CollectionName


class SearchCollection(Operation, frozen=True, kw_only=True, tag="collections.search"):
    """Find passages. One `SearchResults`."""

    collection: Annotated[CollectionName, GrantedCollection()]
    query: Annotated[str, msgspec.Meta(min_length=1, max_length=100_000), Estimated()]
    on: Annotated[str, Overruled("")] = ""
    """Where the collection is: a paired device; empty: here."""
    most: Annotated[int, msgspec.Meta(ge=1, le=MOST_RESULTS), RESULTS] = 10
    mode: Annotated[Literal["hybrid", "vectors", "words"], FILTER] = "hybrid"
    places: Annotated[list[str], FILTER] = []
    """Patterns of the files' places, such as ``*/reports/*.pdf``, of which one fits."""
    kinds: Annotated[list[str], FILTER] = []
    since_s: Annotated[float, FILTER] = 0.0
    """Files changed since then, in seconds of Unix time."""
    until_s: Annotated[float, FILTER] = 0.0
    tags: Annotated[list[str], FILTER] = []
    """Of documents that have all of these."""
    where: Annotated[AttributeFilter | None, FILTER] = None
    """Of documents whose attributes are so."""
    per_document: Annotated[int, msgspec.Meta(ge=0), FILTER] = 0
    """Results of one document at most; 0: any number."""
    reranker: Annotated[str, Overruled("")] = ""
    """A model that orders what was found; empty: the node's, if one is set (``rerank_model``);
    ``default``: that one, or an error; ``none``: without."""
    diverse: Annotated[bool, FILTER] = False
    """What says something else comes before what says the same again."""
    rewrite: Annotated[bool, Overruled(False)] = False
    """A chat model says the query in other words first; both are searched for."""
    model: Annotated[str, Overruled("")] = ""
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
    usage: Usage = Usage(prompt_tokens=0)
    """Tokens of the query, which is embedded."""
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

    collection: Annotated[CollectionName, GrantedCollection()]
    question: Annotated[str, msgspec.Meta(min_length=1, max_length=100_000), Estimated()]
    on: Annotated[str, Overruled("")] = ""
    """Where the collection is, and the question is answered: a paired device; empty: here."""
    history: Annotated[list[Message], Estimated()] = []
    """Questions and answers before, for one that goes on from them."""
    model: Annotated[str, GrantedModel(setting="model")] = ""
    """A chat model; empty: the node's."""
    model_on: Annotated[str, Overruled("")] = ""
    """Where that runs, if elsewhere than the collection is: a paired device, or an upstream."""
    most: Annotated[int, msgspec.Meta(ge=1, le=MOST_RESULTS), Tallied()] = 8
    """Passages that it is shown at most, as far as its context holds them."""
    max_tokens: Annotated[int, msgspec.Meta(ge=1), AnswerLength()] = 512
    places: Annotated[list[str], FILTER] = []
    """As for a search."""
    kinds: Annotated[list[str], FILTER] = []
    since_s: Annotated[float, FILTER] = 0.0
    until_s: Annotated[float, FILTER] = 0.0
    tags: Annotated[list[str], FILTER] = []
    where: Annotated[AttributeFilter | None, FILTER] = None
    reranker: Annotated[str, Overruled("")] = ""
    diverse: Annotated[bool, FILTER] = False
    rewrite: Annotated[bool, Overruled(False)] = False
    """The model says the question in other words first, for the search: one that goes on from
    ``history`` becomes one that stands alone."""
    whole: Annotated[bool, Overruled(False)] = False
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
