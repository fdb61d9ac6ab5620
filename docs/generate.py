"""Writes the reference pages that are read off the code: cli.md, settings.md, errors.md,
capabilities.md, messages.md; and the picture architecture.svg.

Run it after changing a command, a setting or an error: ``python docs/generate.py``.
A test compares the pages with what this would write.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path

import architecture
import click
import message_list
import msgspec

from ingle.cli.capabilities import page, permission, unit
from ingle.cli.main import cli, commands
from ingle.config import Settings
from ingle.config.settings import Upstream, descriptions
from ingle.config.sources import PROJECT_KEYS
from ingle.errors import IngleError
from ingle.operations import registry

REFERENCE = Path(__file__).parent / "reference"
NOTE = "% Written by docs/generate.py; change the code instead.\n\n"
WIDTH = 88


def pages() -> dict[Path, str]:
    """Each page and its text."""
    return {
        REFERENCE / "cli.md": cli_page(),
        REFERENCE / "settings.md": settings_page(),
        REFERENCE / "errors.md": errors_page(),
        REFERENCE / "capabilities.md": capabilities_page(),
        REFERENCE / "messages.md": message_list.page(NOTE),
        REFERENCE.parent / "architecture.svg": architecture.picture(),
    }


def cli_page() -> str:
    """The help of every command."""
    text = f"""# Command line

{NOTE}Data goes to stdout, everything else to stderr. `--json` prints one JSON document
instead of a table, and errors as `{{"error": {{"code", "message", "hint"}}}}`. `--debug` before the
command shows tracebacks.

| exit status | meaning |
|---|---|
| 0 | done |
| 1 | failed |
| 2 | wrong usage, or a field of the request is wrong |
| 3 | not found |
| 4 | does not fit into memory |
| 5 | network, upstream, or no node |
| 6 | refused by a rule |
| 130 | interrupted |

A node is started in the background when a command needs one, and ends by itself when it has been
idle for `idle_exit`.

{_help(cli, "ingle", None)}"""
    root = click.Context(cli, info_name="ingle")
    for name in commands():
        command = cli.get_command(root, name)
        assert command is not None
        text += (
            f"\n## ingle {name}\n\n{_help(command, name, click.Context(cli, info_name='ingle'))}"
        )
    return text


def _help(command: click.Command, name: str, parent: click.Context | None) -> str:
    context = click.Context(
        command,
        info_name=name,
        parent=parent,
        terminal_width=WIDTH,
        help_option_names=["-h", "--help"],
    )
    text = f"```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group) and parent is not None:
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            assert found is not None
            text += f"\n{_help(found, child, context)}"
    return text


def capabilities_page() -> str:
    """What can be asked of a node, capability by capability."""
    rows = [
        (
            f"[{capability.name}](#{capability.name})",
            permission(capability),
            unit(capability),
            capability.summary,
        )
        for capability in registry.built_in().values()
    ]
    texts = "\n\n".join(page(capability) for capability in registry.built_in().values())
    return f"""# Capabilities

{NOTE}What can be asked of a node, who may ask it, and what it is counted in. A plug-in's page is
printed by `ingle capabilities NAME`; [Extending](../guide/extend.md) shows how to write one.

{_table(("capability", "who may ask", "counted in", "what it is"), rows)}
{texts}
"""


def settings_page() -> str:
    """A table of the settings."""
    rows = [
        (f"`{name}`", _default(Settings(), name), _plain(text), _where(name))
        for name, text in descriptions().items()
    ]
    return f"""# Settings

{NOTE}Each is set by a flag of a command that has it, by `INGLE_` and its name in the
environment, in a project's `ingle.toml`, or in your own file, in that order.
[Configuration](../guide/configuration.md) has examples.

{_table(("setting", "default", "what it is for", "in a project's file"), rows)}
## Upstreams

Each entry of `upstreams` has a name and these fields:

{_table(("field", "default", "what it is for"), list(_upstream_rows()))}"""


def _upstream_rows() -> Iterator[tuple[str, ...]]:
    texts = _attribute_docs(Upstream)
    for field in msgspec.structs.fields(Upstream):
        if field.required:
            default = "must be given"
        elif field.default_factory is not msgspec.NODEFAULT:
            default = _code(field.default_factory())
        else:
            default = _code(field.default)
        yield f"`{field.name}`", default, _plain(texts[field.name])


def _attribute_docs(struct: type) -> dict[str, str]:
    tree = ast.parse(inspect.getsource(struct)).body[0]
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for field, text in zip(tree.body, tree.body[1:], strict=False):
        match field, text:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(doc))),
            ):
                found[name] = doc
    return found


def _default(settings: Settings, name: str) -> str:
    if name in {"state_dir", "models_dir"}:
        return "the platform's"
    return _code(msgspec.to_builtins(getattr(settings, name)))


def _code(value: object) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return f"`{text}`" if text else "none"


def _where(name: str) -> str:
    return "yes" if name in PROJECT_KEYS else ""


def errors_page() -> str:
    """The tree of errors as a table."""
    rows = [
        (
            f"`{error.code}`",
            f"{'· ' * depth}{error.__name__}",
            str(error.exit_code),
            str(error.http_status),
            _plain((error.__doc__ or "").split("\n\n")[0]),
        )
        for error, depth in _tree(IngleError, 0)
    ]
    return f"""# Errors

{NOTE}Everything that ingle raises on purpose is an `IngleError`, in one tree. It has a
stable `code` for programs, a `message` that says what and why, a `hint` that is one command or act
that fixes it, and `details` where there are facts. It crosses processes and networks unchanged. The
classes are in `ingle.errors`; a dot stands for one level of the tree.

{_table(("code", "class", "exit", "HTTP", "meaning"), rows)}
[Troubleshooting](../guide/troubleshooting.md) has the usual ones and what to do.
"""


def _tree(error: type[IngleError], depth: int) -> Iterator[tuple[type[IngleError], int]]:
    yield error, depth
    for child in error.__subclasses__():
        if child.__module__ == IngleError.__module__:
            yield from _tree(child, depth + 1)


def _plain(text: str) -> str:
    """A docstring's text as Markdown in one line."""
    return " ".join(text.split()).replace("``", "`").replace("|", "\\|")


def _table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def main() -> None:
    """Write the pages."""
    for path, text in pages().items():
        path.write_text(text)


if __name__ == "__main__":
    main()
