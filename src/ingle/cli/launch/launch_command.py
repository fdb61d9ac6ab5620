"""``ingle launch``: run Claude Code, Codex and others with your models."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator, Sequence

import click

from ingle.cli.command import flags, options, run
from ingle.cli.launch.launch_program import LaunchProgram, ModelAccess
from ingle.cli.launch.model_choice import ModelWish, choose
from ingle.cli.launch.printed_lines import printed_access, printed_lines, printed_values
from ingle.cli.launch.programs import PROGRAMS
from ingle.cli.output import Output
from ingle.errors import NotFound
from ingle.temporary_folders import TemporaryFolders


@click.command("launch")
@click.argument("program", default="")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- ARGUMENTS]...")
@click.option("--model", default="", help="The model; default: one whose context suits.")
@click.option("--on", default="", metavar="PEER", help="Use a model of a paired device.")
@click.option("--context", type=click.IntRange(min=1), help="Tokens of context.")
@click.option("--print", "show", is_flag=True, help="Show the lines to paste instead.")
@options
def launch_command(
    output: Output,
    program: str,
    arguments: tuple[str, ...],
    model: str,
    on: str,
    context: int | None,
    show: bool,
) -> int:
    """Run a program with a model of yours. Its own settings stay as they are.

    \b
    ingle launch                       list the programs
    ingle launch claude                with a model whose context suits
    ingle launch codex --model qwen3:8b -- exec "say hello"
    ingle launch aider --on desk       with the model of a paired device
    ingle launch --print opencode      the lines to paste
    """
    if not program:
        _list(output)
        return 0
    chosen = _known(program)
    if not show and not chosen.path:
        raise NotFound(
            f"{chosen.title} is not installed: there is no {chosen.command} on the path",
            hint=chosen.install,
            program=chosen.name,
        )
    wish = ModelWish(model, on, context or 0)
    return run(lambda: _launch(output, chosen, arguments, wish, show=show))


def _list(output: Output) -> None:
    if output.json:
        output.data(
            [
                {
                    "name": program.name,
                    "title": program.title,
                    "dialect": program.dialect,
                    "needs": program.needs,
                    "path": program.path,
                    "install": program.install,
                }
                for program in PROGRAMS.values()
            ]
        )
        return
    rows = [
        (
            program.name,
            program.title,
            str(program.needs),
            "yes" if program.path else f"no: {program.install}",
        )
        for program in PROGRAMS.values()
    ]
    output.table(("PROGRAM", "WHAT IT IS", "CONTEXT", "INSTALLED"), rows)


def _known(name: str) -> LaunchProgram:
    if name in PROGRAMS:
        return PROGRAMS[name]
    import difflib

    from ingle.models.nearest import or_nearest

    near = difflib.get_close_matches(name, PROGRAMS, 1)
    raise NotFound(f"there is no program {name!r} to launch{or_nearest(near)}", hint="ingle launch")


async def _launch(
    output: Output,
    program: LaunchProgram,
    arguments: Sequence[str],
    wish: ModelWish,
    *,
    show: bool,
) -> int:
    from ingle.cli.launch.launch_server import loaded, serving
    from ingle.client.home import open_async
    from ingle.client.host import log_to_file
    from ingle.config import load

    settings, _ = load(flags())
    log_to_file(settings)  # the terminal is the program's
    async with open_async(settings, otherwise="background") as home:
        choice = await choose(home, program, wish)
        if choice.warning:
            output.note(f"warning: {choice.warning}")
        if show:
            access = printed_access(settings, choice)
            if output.json:
                output.data(printed_values(program, access, arguments))
            else:
                output.text("\n".join(printed_lines(program, access, arguments)))
            return 0
        output.note(f"{program.title} with {choice.model} ({choice.why}); loading it")
        choice = await loaded(home, choice)
        async with serving(home, choice) as access:
            folders = TemporaryFolders(settings.state_path)
            return await _run_to_its_end(program, access, arguments, folders)


async def _run_to_its_end(
    program: LaunchProgram,
    access: ModelAccess,
    arguments: Sequence[str],
    folders: TemporaryFolders,
) -> int:
    """Run it in this terminal; returns its exit status, as a shell would have it."""
    loop = asyncio.get_running_loop()
    told_to_end = asyncio.Event()
    # Ctrl-C is for the program, which has it from the terminal itself.
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    loop.add_signal_handler(signal.SIGTERM, told_to_end.set)
    environment = program.environment(access, os.environ)
    with _folder(program, access, folders) as folder:
        process = await asyncio.create_subprocess_exec(
            program.path,
            *program.command_line(access, arguments)[1:],
            env=environment | folder,
        )
        ends = asyncio.create_task(told_to_end.wait())
        ended = asyncio.create_task(process.wait())
        try:
            await asyncio.wait([ends, ended], return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                process.terminate()
            status = await ended
        finally:
            ends.cancel()
            if process.returncode is None:
                process.kill()
                await process.wait()
    return status if status >= 0 else 128 - status


@contextlib.contextmanager
def _folder(
    program: LaunchProgram, access: ModelAccess, folders: TemporaryFolders
) -> Iterator[dict[str, str]]:
    """The variable that names a temporary folder with the program's files; empty if it has none."""
    if not program.folder_variable:
        yield {}
        return
    with folders.one() as folder:
        for name, text in program.files(access).items():
            (folder / name).write_text(text)
        yield {program.folder_variable: str(folder)}
