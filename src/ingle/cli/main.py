"""``ingle``: the entry point. Commands are imported when they are used."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import click

from ingle.errors import Cancelled, IngleError, InvalidRequest, StorageError
from ingle.operations import registry
from ingle.operations.capability import Command, load

PROGRAM = {
    "serve": Command(
        "ingle.cli.serve:serve_command", "Serve the OpenAI, Ollama and Anthropic APIs."
    ),
    "launch": Command(
        "ingle.cli.launch.launch_command:launch_command",
        "Run Claude Code, Codex and others with your models.",
    ),
    "engine": Command(
        "ingle.cli.engine.engine_commands:engine_command",
        "Show, install and choose engines (GPU).",
    ),
    "capabilities": Command(
        "ingle.cli.capabilities:capabilities_command", "List capabilities, and how to use them."
    ),
    "bench": Command(
        "ingle.cli.bench:bench_command", "Measure a model's speed, and what limits it."
    ),
    "doctor": Command(
        "ingle.cli.doctor:doctor_command", "Check the installation, and how to fix problems."
    ),
    "logs": Command("ingle.cli.logs:logs_command", "Show the node's log."),
    "config": Command("ingle.cli.config:config_command", "Show and change settings."),
    "completion": Command("ingle.cli.completion:completion_command", "Set up shell completion."),
}
"""Commands of the program itself; all others are brought by their capability."""
ALIASES = {"ls": "list"}


def commands() -> dict[str, Command]:
    """Every command by its name, those of plug-ins left out."""
    found: dict[str, Command] = {}
    for capability in registry.built_in().values():
        found |= capability.commands
    return {**found, **PROGRAM}


def command(name: str) -> Command | None:
    """A command; plug-ins are looked at only for a name that is no one else's.

    Raises:
        BadPlugIn: a plug-in of this name cannot be used; says why.
    """
    known = commands().get(name)
    if known is None:
        capability = registry.find(name)
        known = capability.commands.get(name) if capability is not None else None
    return known


class _LazyGroup(click.Group):
    """Knows every command's name and one line of help; imports a command only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        found = dict(commands())
        for capability in registry.plugins().values():
            found |= capability.commands
        return list(found)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = command(ALIASES.get(cmd_name, cmd_name))
        if found is None:
            return None
        loaded: click.Command = load(found.place)
        return loaded

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # The reader of our output has gone (such as `head`); that is not an error.
            # Caught here since click's own main would make it one.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 128 + signal.SIGPIPE

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, found.summary) for name, found in commands().items()])
        of_plugins = {
            name: found
            for capability in registry.plugins().values()
            for name, found in capability.commands.items()
        }
        if of_plugins:
            with formatter.section("Commands of plug-ins"):
                formatter.write_dl([(name, found.summary) for name, found in of_plugins.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None:
            import difflib

            near = difflib.get_close_matches(args[0], commands(), 1)
            guess = f" Did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"There is no command {args[0]!r}.{guess}")
        return super().resolve_command(ctx, args)


def _version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"ingle {version('ingle')}")
        ctx.exit()


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.option("--version", is_flag=True, callback=_version, expose_value=False, is_eager=True)
@click.pass_context
def cli(ctx: click.Context, debug: bool) -> None:
    """The local-first, peer-to-peer AI stack: your models, on your devices.

    \b
    ingle run "What does grep -i do?"    ask the embedded model
    ingle pull qwen3:8b                  download another
    ingle serve                          let any OpenAI, Ollama or Anthropic program use it
    """
    ctx.obj = {"debug": debug}


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit with the status of the design's table."""
    arguments = sys.argv[1:] if argv is None else argv
    if sys.stdout is None or sys.stderr is None:  # closed by the program that started us
        null = Path(os.devnull).open("w")  # noqa: SIM115 (until the end)
        sys.stdout, sys.stderr = sys.stdout or null, sys.stderr or null
    sys.exit(_run(arguments))


def _run(arguments: list[str]) -> int:
    from ingle.cli.output import Output

    output = Output(as_json="--json" in arguments, debug="--debug" in arguments)
    try:
        status: Any = cli.main(arguments, prog_name="ingle", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except click.ClickException as error:
        if output.json:
            output.error(InvalidRequest(error.format_message(), hint="ingle --help"))
        else:
            error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    except Exception as error:
        if output.debug:
            raise
        known = _known(error)
        if isinstance(known, Cancelled) and not output.json:
            output.note("\ninterrupted")
        else:
            output.error(known)
        return known.exit_code


def _known(error: Exception) -> IngleError:
    """What went wrong as an error of ours: no one should have to read a traceback."""
    if isinstance(error, IngleError):
        return error
    if isinstance(error, OSError):
        if not _folder_is_there():
            return StorageError("the current directory was deleted", hint="cd")
        return StorageError(str(error))
    return IngleError(
        f"unexpected error: {error!r}",
        hint="run it again with: ingle --debug",
    )


def _folder_is_there() -> bool:
    try:
        Path.cwd()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
