"""``ingle serve``: the HTTP server."""

from __future__ import annotations

import click

from ingle.cli.command import flags, options, run
from ingle.cli.output import Output

_OF_THE_NODE = ("memory", "context", "slots", "keep_alive")


@click.command("serve")
@click.option("--host", help="Address to listen on (default 127.0.0.1).")
@click.option("--port", type=int, help="Port to listen on; 0 picks a free one.")
@click.option("--token", help="Bearer token that clients must show. Better: INGLE_TOKEN.")
@click.option("--memory", help="Memory budget of all loaded models, such as 6GiB.")
@click.option("--context", type=int, help="Default context length in tokens.")
@click.option("--slots", type=int, help="Parallel requests per model.")
@click.option("--keep-alive", help="How long an idle model stays loaded, such as 5m.")
@options
def serve_command(
    output: Output,
    host: str | None,
    port: int | None,
    token: str | None,
    memory: str | None,
    context: int | None,
    slots: int | None,
    keep_alive: str | None,
) -> None:
    """Serve every model here to programs written for OpenAI, Ollama or Anthropic.

    \b
    OpenAI:     base URL http://127.0.0.1:11411/v1
    Ollama:     OLLAMA_HOST=http://127.0.0.1:11411
    Anthropic:  ANTHROPIC_BASE_URL=http://127.0.0.1:11411
    """
    given = flags(
        host=host,
        port=port,
        token=token,
        memory=memory,
        context=context,
        slots=slots,
        keep_alive=keep_alive,
    )
    run(lambda: _serve(output, given))


async def _serve(output: Output, given: dict[str, object]) -> None:
    import anyio

    from ingle.client.home import open_async
    from ingle.client.host import log_to_file
    from ingle.config import load
    from ingle.engines import privileges
    from ingle.node.descriptors import raise_descriptor_limit
    from ingle.peers.peered_node import PeeredNode
    from ingle.server.server import serve
    from ingle.server.settings import ServerSettings

    settings, _ = load(given)
    privileges.wipe_environment()
    log_to_file(settings)
    raise_descriptor_limit()
    rules = ServerSettings.of(settings)
    stop = anyio.Event()
    async with open_async(settings) as home:
        if isinstance(home.node, PeeredNode):  # hosted here: its end is the server's
            home.node.local.closed.add_done_callback(lambda _: stop.set())
        if not isinstance(home.node, PeeredNode) and any(given[name] for name in _OF_THE_NODE):
            output.note(
                "the node is already running and keeps its memory, context, slots and keep-alive; "
                "to change them: ingle stop --node"
            )
        await serve(
            home.node,
            host=settings.host,
            port=settings.port,
            settings=rules,
            stop=stop,
            on_ready=lambda address: output.note(
                f"ingle is serving on {address.url}  (Ctrl-C to stop)"
            ),
        )
