"""A chat template that someone gives in place of a model's own."""

from __future__ import annotations

import re
from typing import NamedTuple

from ingle.errors import InvalidRequest

_GO = re.compile(
    r"\{\{-?\s*(?:[.$]|/\*|(?:if|else|end|range|with|define|block|template|break|continue|"
    r"json|len|eq|ne|and|or|not|index|slice|printf?|currentDate)\b)"
)


class ChosenTemplate(NamedTuple):
    """What holds instead of the model's own template; empty where that one stays."""

    template: str
    note: str = ""


def is_go(template: str) -> bool:
    """It is in the language of Go's ``text/template``, as Ollama's templates are, not Jinja."""
    return "{%" not in template and _GO.search(template) is not None


def chosen(given: str, own: str) -> ChosenTemplate:
    """What to do with a template.

    Ollama's are in a language that the engine does not have. Nearly all of them say what the
    weights' own one says, so that one stays, and the note says so.

    Raises:
        InvalidRequest: it cannot be one, or there is no other to use in its place.
    """
    if not given or given == own:
        return ChosenTemplate("")
    if is_go(given):
        if not own:
            raise InvalidRequest(
                "template: this is a Go template; the engine needs Jinja, and the weights have "
                "none of their own",
                hint="give a Jinja template, or leave it out and use raw completions",
                field="template",
            )
        return ChosenTemplate(
            "",
            "the template is left out: it is a Go template, and the engine needs Jinja; "
            "the weights' own template is used",
        )
    if "messages" not in given or not ("{%" in given or "{{" in given):
        raise InvalidRequest(
            "template: not a chat template: it does not mention messages",
            hint="give a Jinja template over messages, or leave it out to use the weights' own",
            field="template",
        )
    return ChosenTemplate(given)
