"""Chat: a conversation in, an answer out."""

from __future__ import annotations

from ingle.capabilities.chat.cost import COST
from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.chat.serving import serve
from ingle.operations import Finish, Note, Reasoning, Text, ToolCallPiece, Usage
from ingle.operations.capability import Capability, Command, Grantable

CAPABILITY = Capability(
    name="chat",
    summary="Answer a conversation, with tools, schemas, images, sound and reasoning.",
    operations=(Chat,),
    events=(Text, Reasoning, ToolCallPiece, Note, Finish, Usage),
    version=2,  # 2: sound
    permission=Grantable(presets=("family", "guest")),
    cost=COST,
    serve=serve,
    prepare="ingle.capabilities.chat.images:with_images",
    restrict="ingle.capabilities.chat.images:only_bytes",
    resume="ingle.capabilities.chat.resume:ChatAnswer",
    commands={
        "run": Command(
            "ingle.capabilities.chat.cli.run_command:run_command",
            "Ask a model one question (or chat, if none is given).",
        ),
        "chat": Command(
            "ingle.capabilities.chat.cli.chat_command:chat_command", "Talk to a model."
        ),
    },
    routes="ingle.capabilities.chat.http:table",
    methods="ingle.capabilities.chat.client:ChatMethods",
)
