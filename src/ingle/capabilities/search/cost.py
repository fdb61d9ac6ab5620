"""What a search costs: the tokens of its query, which is embedded."""

from __future__ import annotations

from ingle.capabilities.collections.operation import SearchResults
from ingle.operations.tokens import counted

COST = counted(SearchResults)
