"""Collections: ask your own documents."""

from __future__ import annotations

from ingle.capabilities.collections.operation import (
    AddDocuments,
    AskCollection,
    CollectionAnswer,
    CollectionList,
    DocumentAdded,
    DocumentSkipped,
    ListCollections,
    RemoveCollection,
    SearchCollection,
    SearchResults,
)
from ingle.operations import Done, Status, Text
from ingle.operations.capability import Capability, Command, Free, OwnerOnly
from ingle.operations.job_events import JobEnded, JobNote, JobProgress

_CLI = "ingle.capabilities.collections.cli"

CAPABILITY = Capability(
    name="collections",
    summary="Make documents searchable, and search them.",
    operations=(
        AddDocuments, ListCollections, RemoveCollection, SearchCollection, AskCollection,
    ),
    events=(
        DocumentAdded, DocumentSkipped, CollectionList, SearchResults, CollectionAnswer, Status,
        Text, JobNote, JobProgress, JobEnded, Done,
    ),
    permission=OwnerOnly(),
    cost=Free(),
    performer="ingle.capabilities.collections.performer:perform",
    job="ingle.capabilities.collections.ingest_job:KIND",
    commands={
        "collection": Command(
            f"{_CLI}.collection_commands:collection_group", "Make documents searchable."
        ),
        "ask": Command(f"{_CLI}.ask_command:ask_command", "Ask a collection."),
        "search": Command(f"{_CLI}.search_command:search_command", "Search a collection."),
    },
    routes="ingle.capabilities.collections.http:table",
    methods="ingle.capabilities.collections.client:CollectionMethods",
)  # fmt: skip
