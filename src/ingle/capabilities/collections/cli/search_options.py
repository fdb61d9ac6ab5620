"""Options that searching and asking have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from ingle.capabilities.collections.operation import DEFAULT_RERANKER


def search_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """In what order passages come."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


OPTIONS = (
    click.option(
        "--rerank",
        "reranker",
        is_flag=False,
        flag_value=DEFAULT_RERANKER,
        default="",
        metavar="[MODEL]",
        help="Have a reranker order what is found (default: the setting rerank_model).",
    ),
    click.option("--diverse", is_flag=True, help="What says something else comes first."),
)
