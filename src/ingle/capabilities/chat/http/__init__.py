"""HTTP routes of chat, in every dialect."""

from __future__ import annotations

from ingle.capabilities.chat.http import anthropic, ollama, openai
from ingle.capabilities.chat.http.response_store import ResponseStore
from ingle.capabilities.chat.http.responses_routes import ResponsesRoutes
from ingle.server.endpoint import EndpointContext, Table


def table(floor: EndpointContext) -> Table:
    """The routes; stored responses are let go of when the application is closed."""
    folder = floor.settings.state_dir
    store = ResponseStore(folder / "responses.sqlite" if folder else None)
    floor.closing.append(store.close)
    return {
        **openai.ROUTES,
        **anthropic.ROUTES,
        **ollama.ROUTES,
        **ResponsesRoutes(store).table(),
    }
