"""How the documentation is built: ``make docs``."""

from __future__ import annotations

import importlib
import re
from importlib.metadata import version as installed
from typing import Any

import msgspec
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

project = "ingle"
author = "The ingle authors"
project_copyright = "2026, The ingle authors"
version = release = installed("ingle")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

default_role = "py:obj"
"""`Name` in a docstring links where it can, and is set as code where it cannot."""
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
python_maximum_signature_line_length = 80

html_theme = "furo"
html_title = "ingle"
html_copy_source = False


def _colons(
    app: Sphinx, what: str, name: str, thing: object, options: Any, lines: list[str]
) -> None:
    """Napoleon takes what is before an attribute's first colon for its type: give it none."""
    if what in {"attribute", "data"} and lines:
        lines[0] = f": {lines[0]}"


def _signature(
    app: Sphinx, what: str, name: str, thing: object, options: Any, given: str, returned: str
) -> tuple[str, str | None] | None:
    """The fields of a struct are listed below it; no need to have them in its head, too."""
    return ("", None) if isinstance(thing, msgspec.StructMeta) else None


_BOUNDED = re.compile(r"Annotated\[((?:(?!Annotated\[).)+?), msgspec\.Meta\(([^()]*)\)\]")


def _bounds(found: re.Match[str]) -> str:
    """``Annotated[int, msgspec.Meta(ge=1, le=128)]`` for people: ``int of 1 to 128``."""
    limits = dict(limit.split("=", 1) for limit in found[2].split(", ") if "=" in limit)
    low, high = limits.get("ge"), limits.get("le")
    longest = limits.get("max_length")
    if low and high and float(high) < 2**31 - 1:
        return f"{found[1]} of {low} to {high}"
    if low:
        return f"{found[1]} of at least {low}"
    return f"{found[1]} of at most {longest}" if longest else found[1]


def _fields(app: Sphinx, domain: str, kind: str, content: addnodes.desc_content) -> None:
    """Types of a struct's fields in plain words, and their defaults."""
    for head in content.parent.children:
        if not isinstance(head, addnodes.desc_signature):
            continue
        for annotation in head.findall(addnodes.desc_annotation):
            text = annotation.astext()
            while (simpler := _BOUNDED.sub(_bounds, text)) != text:
                text = simpler
            if text.startswith(":"):
                text += _default(head["module"], head["fullname"])
            if text != annotation.astext():
                annotation.clear()
                annotation += nodes.Text(text)


def _default(module: str, name: str) -> str:
    owner, _, field = name.rpartition(".")
    struct = getattr(importlib.import_module(module), owner, None)
    if not (isinstance(struct, type) and issubclass(struct, msgspec.Struct)):
        return ""
    for info in msgspec.structs.fields(struct):
        if info.name == field and info.default_factory is not msgspec.NODEFAULT:
            return f" = {info.default_factory()!r}"
        if info.name == field and not info.required:
            plain = isinstance(info.default, (str, int, float, bytes, type(None)))
            return f" = {info.default!r}" if plain else f" = {type(info.default).__name__}()"
    return ""


def setup(app: Sphinx) -> None:
    """Sphinx calls this."""
    app.connect("autodoc-process-docstring", _colons, priority=400)  # before napoleon
    app.connect("autodoc-process-signature", _signature)
    app.connect("object-description-transform", _fields)
