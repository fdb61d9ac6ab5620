"""``ingle config``: settings and where they come from."""

from __future__ import annotations

import click
import msgspec

from ingle.cli.command import flags, options
from ingle.cli.output import Output


@click.group("config")
def config_command() -> None:
    """Show and change settings."""


@config_command.command("show")
@click.argument("name", default="")
@click.option("--origin", is_flag=True, help="Show where each value comes from.")
@click.option("--describe", is_flag=True, help="Show what each setting is for.")
@options
def show_command(output: Output, name: str, origin: bool, describe: bool) -> None:
    """The settings in force (or one of them)."""
    from ingle.config import load
    from ingle.config.settings import descriptions
    from ingle.errors import ConfigError

    settings, origins = load(flags())
    values = msgspec.to_builtins(settings)
    if name and name not in values:
        raise ConfigError(f"there is no setting {name!r}", hint="ingle config show", key=name)
    if values["token"]:
        values["token"] = "(set)"  # noqa: S105
    chosen = {key: value for key, value in values.items() if not name or key == name}
    if output.json:
        output.data(
            {
                key: {"value": value, "origin": str(origins[key])} if origin else value
                for key, value in chosen.items()
            }
        )
        return
    columns = ["SETTING", "VALUE"] + ["ORIGIN"] * origin + ["WHAT IT IS FOR"] * describe
    rows = [
        [key, _text(value)]
        + [str(origins[key])] * origin
        + [descriptions().get(key, "")] * describe
        for key, value in chosen.items()
    ]
    output.table(columns, rows)


@config_command.command("set")
@click.argument("name")
@click.argument("value")
@options
def set_command(output: Output, name: str, value: str) -> None:
    """Set one in the user's file. A running node keeps its settings until it is restarted."""
    from ingle.config import write

    output.note(f"{name} is set in {write(name, value)}; takes effect after: ingle stop --node")


@config_command.command("unset")
@click.argument("name")
@options
def unset_command(output: Output, name: str) -> None:
    """Go back to the default."""
    from ingle.config import write

    output.note(f"{name} is no longer set in {write(name, None)}")


@config_command.command("path")
@options
def path_command(output: Output) -> None:
    """Where the user's file is."""
    from ingle.config import user_file

    output.text(str(user_file()))


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
