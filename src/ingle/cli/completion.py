"""``ingle completion``: the shell completes commands and options."""

from __future__ import annotations

import click

from ingle.cli.output import Output


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash:  ingle completion bash >> ~/.bashrc
    zsh:   ingle completion zsh >> ~/.zshrc
    fish:  ingle completion fish > ~/.config/fish/completions/ingle.fish
    """
    from click.shell_completion import get_completion_class

    from ingle.cli.main import cli

    found = get_completion_class(shell)
    assert found is not None
    script = found(cli, {}, "ingle", "_INGLE_COMPLETE").source()
    Output(as_json=False, debug=False).text(script)
