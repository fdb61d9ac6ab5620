"""Turns of content blocks to messages (API reference, "Create a Message")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from ingle.errors import CapabilityMissing
from ingle.operations import ImagePart, Message, Part, TextPart, ToolCall
from ingle.wire.anthropic.toolsets import member_name
from ingle.wire.body import argument_text
from ingle.wire.document import document_part, unreadable_document
from ingle.wire.image import from_base64, from_url


class Base64Source(msgspec.Struct, tag="base64", tag_field="type", kw_only=True):
    data: str
    media_type: str = ""


class URLSource(msgspec.Struct, tag="url", tag_field="type", kw_only=True):
    url: str


class StoredFileSource(msgspec.Struct, tag="file", tag_field="type", kw_only=True):
    file_id: str


class TextBlock(msgspec.Struct, tag="text", tag_field="type", kw_only=True):
    text: str


class ImageBlock(msgspec.Struct, tag="image", tag_field="type", kw_only=True):
    source: Base64Source | URLSource | StoredFileSource


class TextSource(msgspec.Struct, tag="text", tag_field="type", kw_only=True):
    data: str


class ContentSource(msgspec.Struct, tag="content", tag_field="type", kw_only=True):
    content: str | list[TextBlock | ImageBlock]


class DocumentBlock(msgspec.Struct, tag="document", tag_field="type", kw_only=True):
    source: TextSource | ContentSource | Base64Source | URLSource | StoredFileSource
    title: str | None = None
    context: str | None = None


class SearchResultBlock(msgspec.Struct, tag="search_result", tag_field="type", kw_only=True):
    source: str
    title: str
    content: list[TextBlock]


class ToolReferenceBlock(msgspec.Struct, tag="tool_reference", tag_field="type", kw_only=True):
    tool_name: str


class BrowserStateBlock(msgspec.Struct, tag="browser_state", tag_field="type", kw_only=True):
    tabs: Any = None


Shown = TextBlock | ImageBlock | DocumentBlock | SearchResultBlock
ResultContent = Shown | ToolReferenceBlock | BrowserStateBlock


class ThinkingBlock(msgspec.Struct, tag="thinking", tag_field="type", kw_only=True):
    thinking: str = ""


class RedactedBlock(msgspec.Struct, tag="redacted_thinking", tag_field="type", kw_only=True):
    data: str = ""


class ToolUseBlock(msgspec.Struct, tag="tool_use", tag_field="type", kw_only=True):
    id: str
    name: str
    input: Any = None
    toolset_name: str | None = None


class ToolResultBlock(msgspec.Struct, tag="tool_result", tag_field="type", kw_only=True):
    tool_use_id: str
    content: str | list[ResultContent] | None = None
    is_error: bool | None = None


class ServerToolUseBlock(ToolUseBlock, tag="server_tool_use", kw_only=True):
    pass


class MCPToolUseBlock(ToolUseBlock, tag="mcp_tool_use", kw_only=True):
    pass


class HostedResultBlock(msgspec.Struct, tag="mcp_tool_result", tag_field="type", kw_only=True):
    """What a hosted tool found, elsewhere and before; here from an MCP server."""

    tool_use_id: str
    content: Any = None


class WebSearchResult(HostedResultBlock, tag="web_search_tool_result", kw_only=True):
    pass


class WebFetchResult(HostedResultBlock, tag="web_fetch_tool_result", kw_only=True):
    pass


class CodeResult(HostedResultBlock, tag="code_execution_tool_result", kw_only=True):
    pass


class BashCodeResult(HostedResultBlock, tag="bash_code_execution_tool_result", kw_only=True):
    pass


class EditorCodeResult(
    HostedResultBlock, tag="text_editor_code_execution_tool_result", kw_only=True
):
    pass


class ToolSearchResult(HostedResultBlock, tag="tool_search_tool_result", kw_only=True):
    pass


class AdvisorResult(HostedResultBlock, tag="advisor_tool_result", kw_only=True):
    pass


class CompactionBlock(msgspec.Struct, tag="compaction", tag_field="type", kw_only=True):
    content: str | None = None


class UploadBlock(msgspec.Struct, tag="container_upload", tag_field="type", kw_only=True):
    pass


class FallbackBlock(msgspec.Struct, tag="fallback", tag_field="type", kw_only=True):
    pass


class ListingBlock(msgspec.Struct, tag="mcp_tool_listing", tag_field="type", kw_only=True):
    pass


Block = (
    Shown
    | ThinkingBlock
    | RedactedBlock
    | ToolUseBlock
    | ToolResultBlock
    | ServerToolUseBlock
    | MCPToolUseBlock
    | HostedResultBlock
    | WebSearchResult
    | WebFetchResult
    | CodeResult
    | BashCodeResult
    | EditorCodeResult
    | ToolSearchResult
    | AdvisorResult
    | CompactionBlock
    | UploadBlock
    | FallbackBlock
    | ListingBlock
)
Role = Literal["user", "assistant", "system"]


class TurnBody(msgspec.Struct, kw_only=True):
    role: Role
    content: str | list[Block]


def conversation(system: str | list[TextBlock] | None, turns: Sequence[TurnBody]) -> list[Message]:
    """The messages as an operation carries them; a tool's result is a message of its own.

    Raises:
        InvalidRequest: an image that cannot be read.
        CapabilityMissing: a document that is not text, or a file that is stored elsewhere.
    """
    found: list[Message] = []
    if isinstance(system, list):
        system = "\n".join(block.text for block in system)
    if system:
        found.append(Message(role="system", content=system))
    for at, turn in enumerate(turns):
        if isinstance(turn.content, str):
            found.append(Message(role=turn.role, content=turn.content))
        else:
            found.extend(_Turn(turn.role).read(turn.content, f"messages[{at}].content"))
    return found


class _Turn:
    """Collects the blocks of one turn."""

    def __init__(self, role: Role) -> None:
        self._role = role
        self._messages: list[Message] = []
        self._parts: list[Part] = []
        self._calls: list[ToolCall] = []
        self._reasoning = ""

    def read(self, blocks: Sequence[Block], field: str) -> list[Message]:
        """The messages of a turn; results of tools come before what is said with them."""
        for at, block in enumerate(blocks):
            self._take(block, f"{field}[{at}]")
        self._close(or_nothing=bool(self._messages))
        return self._messages

    def _take(self, block: Block, field: str) -> None:
        match block:
            case TextBlock() | ImageBlock() | DocumentBlock() | SearchResultBlock():
                self._parts += _parts(block, field)
            case ThinkingBlock(thinking=text):
                self._reasoning += text
            case ToolUseBlock(id=identifier, input=given):
                name = member_name(block.toolset_name, block.name)
                call = ToolCall(id=identifier, name=name, arguments=argument_text(given))
                self._calls.append(call)
            case ToolResultBlock():
                self._messages.append(_result(block, field))
            case HostedResultBlock(tool_use_id=identifier, content=given):
                # It stands in the middle of the assistant's turn.
                self._close(or_nothing=True)
                message = Message(role="tool", content=_told(given), tool_call_id=identifier)
                self._messages.append(message)
            case CompactionBlock(content=str(summary)):
                self._parts.append(document_part(summary, title="Summary of the conversation"))
            case _:
                # Thinking that cannot be read, an upload, a fallback, a list of tools: nothing
                # that tells a model anything.
                pass

    def _close(self, *, or_nothing: bool) -> None:
        if or_nothing and not (self._parts or self._calls or self._reasoning):
            return
        self._messages.append(
            Message(
                role=self._role,
                content=_content(self._parts),
                reasoning=self._reasoning,
                tool_calls=self._calls,
            )
        )
        self._parts, self._calls, self._reasoning = [], [], ""


def _result(block: ToolResultBlock, field: str) -> Message:
    given = block.content or ""
    content: str | list[Part]
    if isinstance(given, str):
        content = given
    else:
        content = _content(
            [
                part
                for at, item in enumerate(given)
                for part in _parts(item, f"{field}.content[{at}]")
            ]
        )
    if block.is_error and isinstance(content, str):
        content = f"Error: {content}"
    return Message(role="tool", content=content, tool_call_id=block.tool_use_id)


def _parts(block: ResultContent, field: str) -> list[Part]:
    match block:
        case TextBlock(text=text):
            return [TextPart(text=text)]
        case ImageBlock(source=source):
            return [_image(source, f"{field}.source")]
        case DocumentBlock():
            return _document(block, f"{field}.source")
        case SearchResultBlock(source=source, title=title, content=content):
            text = "\n".join(item.text for item in content)
            return [document_part(text, source=source, title=title)]
        case ToolReferenceBlock(tool_name=name):
            return [TextPart(text=f"The tool {name} is available.\n")]
        case BrowserStateBlock(tabs=tabs):
            return [TextPart(text=_told(tabs))]


def _image(source: Base64Source | URLSource | StoredFileSource, field: str) -> ImagePart:
    match source:
        case Base64Source(data=data):
            return from_base64(data, f"{field}.data")
        case URLSource(url=url):
            return from_url(url, f"{field}.url")
        case StoredFileSource():
            raise _not_kept(field)


def _document(block: DocumentBlock, field: str) -> list[Part]:
    title, context = block.title or "", block.context or ""
    match block.source:
        case TextSource(data=text) | ContentSource(content=str(text)):
            return [document_part(text, title=title, context=context)]
        case ContentSource(content=list(blocks)):
            text = "\n".join(item.text for item in blocks if isinstance(item, TextBlock))
            images: list[Part] = [
                _image(item.source, f"{field}.content[{at}].source")
                for at, item in enumerate(blocks)
                if isinstance(item, ImageBlock)
            ]
            return [document_part(text, title=title, context=context), *images]
        case StoredFileSource():
            raise _not_kept(field)
        case _:
            raise unreadable_document(field)


def _not_kept(field: str) -> CapabilityMissing:
    return CapabilityMissing(
        f"{field}: there are no stored files here",
        hint="send the bytes instead of a file_id",
        field=f"{field}.file_id",
        capability="files",
    )


def _content(parts: list[Part]) -> str | list[Part]:
    if any(isinstance(part, ImagePart) for part in parts):
        return parts
    return "".join(part.text for part in parts if isinstance(part, TextPart))


def _told(given: Any) -> str:
    """What a hosted tool found, without what only its vendor can read."""
    if given is None or isinstance(given, str):
        return given or ""
    return msgspec.json.encode(_readable(given)).decode()


def _readable(given: Any) -> Any:
    if isinstance(given, list):
        return [_readable(item) for item in given]
    if not isinstance(given, dict):
        return given
    kept = {key: value for key, value in given.items() if not key.startswith("encrypted_")}
    return {key: _readable(value) for key, value in kept.items() if value is not None}
