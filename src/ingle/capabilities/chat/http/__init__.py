"""HTTP routes of chat, in every dialect."""

from __future__ import annotations

from ingle.capabilities.chat.http import anthropic, ollama, openai
from ingle.capabilities.chat.http.conversation_routes import ConversationRoutes
from ingle.capabilities.chat.http.conversation_store import ConversationStore
from ingle.capabilities.chat.http.response_database import ResponseDatabase
from ingle.capabilities.chat.http.response_store import ResponseStore
from ingle.capabilities.chat.http.responses_routes import ResponsesRoutes
from ingle.server.endpoint import EndpointContext, Table


def table(floor: EndpointContext) -> Table:
    """The routes; what is stored is let go of when the application is closed."""
    folder = floor.settings.state_dir
    database = ResponseDatabase(folder / "responses.sqlite" if folder else None)
    floor.closing.append(database.close)
    conversations = ConversationStore(database)
    return {
        **openai.ROUTES,
        **anthropic.ROUTES,
        **ollama.ROUTES,
        **ResponsesRoutes(floor, ResponseStore(database), conversations).table(),
        **ConversationRoutes(conversations).table(),
    }
