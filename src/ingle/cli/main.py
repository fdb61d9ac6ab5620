"""``ingle``: the entry point. Commands are imported when they are used."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from pathlib import Path
from typing import Any

import click

from ingle.errors import Cancelled, IngleError, InvalidRequest, StorageError

COMMANDS = {
    "run": ("ingle.cli.run", "Ask a model one thing (or chat, if nothing is asked)."),
    "chat": ("ingle.cli.chat", "Talk to a model."),
    "serve": ("ingle.cli.serve", "Serve the OpenAI, Ollama and Anthropic APIs."),
    "pull": ("ingle.cli.store", "Fetch a model."),
    "import": ("ingle.cli.store", "Use models of Ollama, LM Studio or Hugging Face in place."),
    "list": ("ingle.cli.store", "The models that are here."),
    "show": ("ingle.cli.store", "Everything known of a model."),
    "cp": ("ingle.cli.store", "Give a model a second name."),
    "rm": ("ingle.cli.store", "Forget a model."),
    "share": ("ingle.cli.share", "Let others have a model; or see what is shared."),
    "unshare": ("ingle.cli.share", "Share a model no more."),
    "train": ("ingle.cli.train", "Adapt a model to your own examples (LoRA)."),
    "runs": ("ingle.cli.runs", "Training runs: list, show, follow, compare, stop."),
    "adapter": ("ingle.cli.adapter", "LoRA adapters: add, list, show, merge, share."),
    "ps": ("ingle.cli.node", "What is in memory."),
    "stop": ("ingle.cli.node", "Free a model's memory, or stop the node."),
    "suspend": ("ingle.cli.node", "Free all memory and take no work."),
    "resume": ("ingle.cli.node", "Take work again after suspend."),
    "peers": ("ingle.cli.peers", "Paired devices: invite, join, nearby, list, forget."),
    "grant": ("ingle.cli.grant", "Allow a paired device something."),
    "grants": ("ingle.cli.grant", "What was granted, and how much of it is used."),
    "revoke": ("ingle.cli.grant", "Take a grant back."),
    "embed": ("ingle.cli.embed", "Turn texts into vectors."),
    "fit": ("ingle.cli.fit", "Will a model fit into memory?"),
    "bench": ("ingle.cli.bench", "How fast is a model here, and what bounds it?"),
    "doctor": ("ingle.cli.doctor", "Check everything, and say what to mend."),
    "ledger": ("ingle.cli.node", "What left this device."),
    "logs": ("ingle.cli.logs", "Show the node's log."),
    "config": ("ingle.cli.config", "Show and change settings."),
    "df": ("ingle.cli.disk", "Where the disk space went."),
    "prune": ("ingle.cli.disk", "Delete what no model uses."),
    "completion": ("ingle.cli.completion", "Shell completion."),
}


class _LazyGroup(click.Group):
    """Knows every command's name and one line of help; imports a command only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = {"ls": "list"}.get(cmd_name, cmd_name)
        if name not in COMMANDS:
            return None
        module = importlib.import_module(COMMANDS[name][0])
        command: click.Command = getattr(module, f"{name}_command")
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # Whoever read our output has gone (such as `head`); that is not an error.
            # Caught here since click's own main would make it one.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 128 + signal.SIGPIPE

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None:
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, 1)
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
    ingle run "What does grep -i do?"    ask the model that comes along
    ingle pull hf.co/OWNER/REPO:Q4_K_M   get another
    ingle serve                          let any OpenAI, Ollama or Anthropic program use it
    """
    ctx.obj = {"debug": debug}


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit with the status of the design's table."""
    arguments = sys.argv[1:] if argv is None else argv
    if sys.stdout is None or sys.stderr is None:  # closed by whoever started us
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
    """What went wrong as an error of ours: nobody should have to read a traceback."""
    if isinstance(error, IngleError):
        return error
    if isinstance(error, OSError):
        if not _folder_is_there():
            return StorageError("the folder you are in was deleted", hint="cd")
        return StorageError(str(error))
    return IngleError(
        f"something unexpected happened: {error!r}",
        hint="the same command after: ingle --debug",
    )


def _folder_is_there() -> bool:
    try:
        Path.cwd()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
