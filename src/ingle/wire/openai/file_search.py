"""The tool ``file_search`` of the responses route: what is searched, and what is told of it.

It is not left to the model whether to search: small ones forget to. The question is searched for
before it is asked, and the passages go with it, numbered; a number in brackets in the answer is a
citation (API reference, "File search", "file_citation").
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from ingle.capabilities.collections.operation import AttributeFilter, SearchCollection
from ingle.errors import InvalidRequest
from ingle.operations import Message, TextPart
from ingle.wire.body import convert
from ingle.wire.openai.response_calls import Item
from ingle.wire.openai.vector_stores import MOST_SEARCHED, RankingBody, collection_name

FILE_SEARCH = "file_search"
RESULTS = "file_search_call.results"
"""What a client includes to be told the passages."""
USUAL = 8
_CITED = re.compile(r"\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")


class FileSearchTool(msgspec.Struct, kw_only=True):
    """The tool as the client wrote it."""

    vector_store_ids: Annotated[list[str], msgspec.Meta(min_length=1, max_length=8)]
    max_num_results: Annotated[int, msgspec.Meta(ge=1, le=MOST_SEARCHED)] | None = None
    filters: AttributeFilter | None = None
    ranking_options: RankingBody | None = None

    @property
    def least(self) -> float:
        """The score that a passage needs."""
        return (self.ranking_options and self.ranking_options.score_threshold) or 0.0

    def searches(self, query: str) -> list[SearchCollection]:
        """A search of each store.

        Raises:
            NotFound: what cannot be a store.
        """
        return [
            SearchCollection(
                collection=collection_name(store, "tools.vector_store_ids"),
                query=query,
                most=self.max_num_results or USUAL,
                where=self.filters,
            )
            for store in self.vector_store_ids
        ]


def read_tool(given: Any, field: str) -> FileSearchTool:
    """The tool. Raises InvalidRequest: a bad field."""
    return convert(given, FileSearchTool, field)


def query_of(turns: Sequence[Message]) -> str:
    """What is searched for: the last thing that the user said.

    Raises:
        InvalidRequest: it is too long to be searched for.
    """
    said = next((turn.text for turn in reversed(turns) if turn.role == "user"), "").strip()
    if len(said) > 100_000:
        raise InvalidRequest("input: more than 100,000 characters to search for", field="input")
    return said


@dataclasses.dataclass(frozen=True)
class FileSearch:
    """A search that was made.

    Args:
        query: what was searched for.
        results: passages, as they are told: ``file_id``, ``filename``, ``score``, ``text``,
            ``attributes``.
        told: the client wants them.
    """

    query: str
    results: list[dict[str, Any]]
    told: bool

    def item(self, identity: str, status: str = "completed") -> Item:
        """The call as an item of the answer."""
        results = self.results if self.told and status == "completed" else None
        return {
            "id": identity,
            "type": "file_search_call",
            "status": status,
            "queries": [self.query],
            "results": results,
        }

    def annotations(self, text: str) -> list[dict[str, Any]]:
        """The citations in a text, of passages that there are."""
        found = []
        for cited in _CITED.finditer(text):
            for number in re.findall(r"\d+", cited[1]):
                if 1 <= int(number) <= len(self.results):
                    result = self.results[int(number) - 1]
                    found.append(
                        {
                            "type": "file_citation",
                            "index": cited.start(),
                            "file_id": result["file_id"],
                            "filename": result["filename"],
                        }
                    )
        return found


def with_passages(messages: Sequence[Message], shown: str) -> list[Message]:
    """A conversation whose last message of the user begins with passages."""
    found = list(messages)
    for at in range(len(found) - 1, -1, -1):
        if found[at].role == "user":
            content = found[at].content
            if isinstance(content, str):
                changed: Any = f"{shown}\n\n{content}"
            else:
                changed = [TextPart(text=shown), *content]
            found[at] = msgspec.structs.replace(found[at], content=changed)
            break
    return found
