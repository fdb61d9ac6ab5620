"""``ingle capabilities``: what a node can be asked, read off the declarations."""

from __future__ import annotations

import difflib
import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

import click
import msgspec
from msgspec import inspect as types

from ingle.cli.command import options
from ingle.cli.output import Output
from ingle.errors import NotFound
from ingle.operations import Event, Operation, operation_name, registry
from ingle.operations.capability import Capability, Cost, Free, Grantable, Granted, OwnerOnly

_NAMES: dict[type[types.Type], str] = {
    types.IntType: "integer", types.FloatType: "number", types.BoolType: "true or false",
    types.BytesType: "bytes", types.NoneType: "null", types.AnyType: "any JSON value",
    types.RawType: "any JSON value",
}  # fmt: skip


@click.command("capabilities")
@click.argument("name", default="")
@options
def capabilities_command(output: Output, name: str) -> None:
    """What can be asked of a node, who may ask it, and what it is counted in.

    With NAME: that one in full, as a page of Markdown. Plug-ins are listed, too.
    """
    if name:
        capability = registry.find(name)
        if capability is None:
            near = difflib.get_close_matches(name, registry.everything(), n=1)
            guess = f"; did you mean {near[0]!r}?" if near else ""
            raise NotFound(f"there is no capability {name!r}{guess}", hint="ingle capabilities")
        if output.json:
            output.data(described(capability))
        else:
            output.text(page(capability))
        return
    found = registry.everything().values()
    if output.json:
        output.data([described(capability) for capability in found])
        return
    output.table(
        ("NAME", "WHO MAY ASK", "COUNTED IN", "WHAT"),
        [
            (capability.name, permission(capability), unit(capability), capability.summary)
            for capability in found
        ],
    )
    for problem in registry.problems():
        output.note(problem.message)


def described(capability: Capability) -> dict[str, Any]:
    """A capability as plain data."""
    return {
        "name": capability.name,
        "summary": capability.summary,
        "version": capability.version,
        "permission": permission(capability),
        "unit": unit(capability),
        "route": capability.route,
        "operations": [operation_name(kind) for kind in capability.operations],
        "events": [str(kind.__struct_config__.tag) for kind in capability.events],
        "resumes": bool(capability.resume),
        "commands": list(capability.commands),
        "plugin": capability.name not in registry.built_in(),
    }


def permission(capability: Capability) -> str:
    """Who may ask it, in words."""
    match capability.permission:
        case OwnerOnly():
            return "owner"
        case Grantable():
            return "granted devices"
        case Granted():
            return "with another grant"
    return "paired devices"


def unit(capability: Capability) -> str:
    """What it is counted in, in words."""
    match capability.cost:
        case Cost(unit=unit):
            return unit
        case Free() if not isinstance(capability.permission, OwnerOnly):
            return "requests"
    return "-"


def page(capability: Capability) -> str:
    """A capability's page of the reference, in Markdown."""
    where = "where its model is" if capability.route == "model" else "on the node that is asked"
    lines = [
        f"## {capability.name}",
        "",
        capability.summary,
        "",
        f"Who may ask: {permission(capability)}. Counted in: {unit(capability)}. "
        f"Runs {where}. Version {capability.version}.",
    ]
    if capability.granted:
        also = ", ".join(f"`{operation_name(kind)}`" for kind in capability.granted)
        lines += ["", f"With another grant also: {also}."]
    if capability.commands:
        commands = ", ".join(f"`ingle {name}`" for name in capability.commands)
        lines += ["", *textwrap.wrap(f"Commands: {commands}.", 98, break_on_hyphens=False)]
    for kind in capability.operations:
        lines += ["", f"### `{operation_name(kind)}`", "", *_struct(kind)]
    own = [kind for kind in capability.events if kind.__module__ != "ingle.operations.events"]
    for event in own:
        lines += ["", f"### event `{event.__struct_config__.tag}`", "", *_struct(event)]
    return "\n".join(lines)


def _struct(kind: type[Operation] | type[Event]) -> Iterator[str]:
    text = (inspect.getdoc(kind) or "").split("\n\n")[0]
    yield " ".join(text.split()).replace("``", "`")
    fields = msgspec.structs.fields(kind)
    if not fields:
        return
    yield ""
    yield "| field | type | default |"
    yield "| --- | --- | --- |"
    for field in fields:
        default = "required"
        if not field.required:
            made = field.default_factory
            value = field.default if made is msgspec.NODEFAULT else made()
            default = f"`{_plain(value)}`"
        yield f"| `{field.name}` | {_type(field.type)} | {default} |"


def _plain(value: Any) -> str:
    if isinstance(value, msgspec.Struct):
        return type(value).__name__
    return msgspec.json.encode(value).decode()


def _type(kind: Any) -> str:
    """A field's type in words: ``list of texts`` rather than Python's notation."""
    return _words(types.type_info(kind)).replace("|", "\\|")


def _words(found: types.Type) -> str:
    match found:
        case types.UnionType(types=several):
            return " or ".join(_words(each) for each in several)
        case types.ListType(item_type=item) | types.VarTupleType(item_type=item):
            words = _words(item)
            return f"list of ({words})" if isinstance(item, types.UnionType) else f"list of {words}"
        case types.TupleType(item_types=items):
            return f"[{', '.join(_words(item) for item in items)}]"
        case types.DictType(value_type=value):
            return f"object of {_words(value)}"
        case types.StructType(cls=cls):
            return f"`{cls.__name__}`"
        case types.EnumType(cls=cls):
            return " or ".join(f"`{_plain(member.value)}`" for member in cls)
        case types.LiteralType(values=values):
            return " or ".join(f"`{_plain(value)}`" for value in values)
        case types.Metadata(type=inner):
            return _words(inner)
        case types.IntType(ge=least, le=most) | types.FloatType(ge=least, le=most):
            return _NAMES[type(found)] + _bounds(least, most)
        case types.StrType(max_length=longest):
            return "text" + (f" of up to {longest} characters" if longest is not None else "")
    return _NAMES.get(type(found), "any")


def _bounds(least: float | None, most: float | None) -> str:
    # 1.0 is written as 1: typing takes equal annotations for one, so which of the two a field
    # has depends on what was imported first.
    least, most = _short(least), _short(most)
    if most is not None and most >= 2**31 - 1:
        most = None  # only what a C int holds
    if least is None:
        return f" of at most {most}" if most is not None else ""
    return f" from {least} to {most}" if most is not None else f" of at least {least}"


def _short(bound: float | None) -> float | None:
    return int(bound) if bound is not None and bound == int(bound) else bound
