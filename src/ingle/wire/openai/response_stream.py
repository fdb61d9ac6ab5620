"""A streamed response (API reference, "Streaming events" of the responses API).

Each event carries its ``sequence_number``, from 0 without gaps: ``created``,
``in_progress``; per item ``output_item.added``, its parts and deltas,
``output_item.done``; then ``completed``, ``incomplete`` or ``failed`` with the
whole object.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ingle.errors import IngleError
from ingle.operations import ChatResult, Event, Fold, Reasoning, Started, Text, ToolCallPiece
from ingle.wire import sse
from ingle.wire.openai.response_calls import CallForm, FunctionForm, form_of
from ingle.wire.openai.response_object import (
    AnswerStyle,
    Response,
    completed,
    failed,
    is_cut,
    item_id,
    logprob_object,
    message_item,
    reasoning_item,
    text_part,
)


class ResponseStream:
    """The events of one streamed response."""

    content_type = sse.CONTENT_TYPE

    def __init__(self, base: Response, style: AnswerStyle) -> None:
        self._base = base
        self._style = style
        self._fold = Fold()
        self._sequence = 0
        self._working = False
        self._kind = ""
        self._index = -1
        self._item_id = ""
        self._head = b""
        self._form: CallForm = FunctionForm(name="")
        self._form_pieces: Callable[[str], str] = str
        self._call_id = ""
        self._pieces: list[str] = []
        self._logprobs: list[Any] = []
        self._items: list[dict[str, Any]] = []
        self._closing = b""
        self._response: Response | None = None

    @property
    def result(self) -> ChatResult:
        """What the events added up to."""
        return self._fold.result()

    def whole(self) -> Response:
        """The whole object, once the last event was added: its items are those of the stream."""
        if self._response is None:
            begun = self._kind or len(self._items) > bool(self._style.search)
            opening = b"" if begun else self._open_text()
            result = self._fold.result()
            self._closing = opening + self._close("incomplete" if is_cut(result) else "completed")
            self._response = completed(self._base, result, self._items)
        return self._response

    def add(self, event: Event) -> bytes:
        """The bytes an event adds."""
        self._fold.add(event)
        match event:
            case Text():
                opening = b"" if self._kind == "text" else self._open_text()
                return opening + self._text(event)
            case Reasoning(text=text):
                opening = b"" if self._kind == "reasoning" else self._open_reasoning()
                return opening + self._delta(text, b"}\n\n")
            case ToolCallPiece(call=call, arguments=arguments):
                opening = b"" if self._kind == f"call{call}" else self._open_call(event)
                return opening + self._arguments(arguments)
            case Started() if self._sequence:
                return self._start()
            case _:
                return b""

    def end(self) -> bytes:
        """The last item's end and the whole object."""
        response = self.whole()
        return self._closing + self._event(f"response.{response['status']}", response=response)

    def fail(self, error: IngleError) -> bytes:
        """``response.failed`` with the error."""
        return self._event("response.failed", response=failed(self._base, error))

    def _text(self, event: Text) -> bytes:
        if not event.logprobs:
            return self._delta(event.text, b',"logprobs":[]}\n\n')
        found = [logprob_object(token) for token in event.logprobs]
        self._logprobs.extend(event.logprobs)
        return self._delta(event.text, b',"logprobs":' + sse.encode(found) + b"}\n\n")

    def _delta(self, text: str, tail: bytes) -> bytes:
        self._pieces.append(text)
        return self._delta_event(text, tail)

    def _arguments(self, piece: str) -> bytes:
        self._pieces.append(piece)
        added = self._form_pieces(piece)
        return self._delta_event(added, b"}\n\n") if added and self._form.delta else b""

    def _delta_event(self, text: str, tail: bytes) -> bytes:
        number = b',"sequence_number":%d' % self._sequence
        self._sequence += 1
        return self._head + sse.encode(text) + number + tail

    def begin(self) -> bytes:
        """The events before the work. Where it is not asked for, they come with the first piece."""
        opened = self._event("response.created", response=self._base)
        if self._base["status"] == "queued":
            opened += self._event("response.queued", response=self._base)
        return opened

    def _start(self) -> bytes:
        if self._working:
            return b""
        self._working = True
        opened = b"" if self._sequence else self.begin()
        self._base = {**self._base, "status": "in_progress"}
        return opened + self._event("response.in_progress", response=self._base) + self._searched()

    def _searched(self) -> bytes:
        """The events of a search that was made before."""
        search = self._style.search
        if search is None:
            return b""
        self._index = 0
        identity = item_id("fs", str(self._base["id"]), 0)
        place: dict[str, Any] = {"item_id": identity, "output_index": 0}
        told = self._added(search.item(identity, "in_progress"))
        for word in ("in_progress", "searching", "completed"):
            told += self._event(f"response.file_search_call.{word}", **place)
        item = search.item(identity)
        self._items.append(item)
        return told + self._event("response.output_item.done", output_index=0, item=item)

    def _open(self, kind: str, prefix: str, event: str) -> bytes:
        before = self._start() + self._close()
        self._kind = kind
        self._index += 1
        self._item_id = item_id(prefix, str(self._base["id"]), self._index)
        self._pieces = []
        self._logprobs = []
        place: dict[str, Any] = {"item_id": self._item_id, "output_index": self._index}
        if not kind.startswith("call"):
            place["content_index"] = 0
        self._head = (
            f"event: {event}\ndata: ".encode()
            + sse.encode({"type": event, **place})[:-1]
            + b',"delta":'
        )
        return before

    def _open_text(self) -> bytes:
        before = self._open("text", "msg", "response.output_text.delta")
        item = message_item(self._item_id, "", [], "in_progress")
        return before + self._added(item) + self._part("added", text_part("", []))

    def _open_reasoning(self) -> bytes:
        before = self._open("reasoning", "rs", "response.reasoning_text.delta")
        item = reasoning_item(self._item_id, "", "in_progress")
        return (
            before + self._added(item) + self._part("added", {"type": "reasoning_text", "text": ""})
        )

    def _open_call(self, piece: ToolCallPiece) -> bytes:
        form = form_of(self._style.forms, piece.name)
        before = self._open(f"call{piece.call}", form.prefix, form.delta)
        self._form, self._form_pieces = form, form.pieces()
        self._call_id = piece.id or f"call_{self._item_id}"
        return before + self._added(form.item(self._item_id, self._call_id, "", "in_progress"))

    def _close(self, status: str = "completed") -> bytes:
        kind, self._kind = self._kind, ""
        text = "".join(self._pieces)
        place = {"item_id": self._item_id, "output_index": self._index}
        if kind == "text":
            part = text_part(text, self._logprobs)
            part["annotations"] = self._style.annotations(text)
            item = message_item(self._item_id, text, self._logprobs)
            item["content"] = [part]
            done = (
                self._annotated(part["annotations"], place)
                + self._event(
                    "response.output_text.done",
                    **place,
                    content_index=0,
                    text=text,
                    logprobs=part["logprobs"],
                )
                + self._part("done", part)
            )
        elif kind == "reasoning":
            sealed = self._style.sealed_reasoning
            item = reasoning_item(self._item_id, text, sealed=sealed)
            done = self._event(
                "response.reasoning_text.done", **place, content_index=0, text=text
            ) + self._part("done", {"type": "reasoning_text", "text": text})
        elif kind:
            item = self._form.item(self._item_id, self._call_id, text or "{}", status)
            done = self._arguments_done(text or "{}", place)
        else:
            return b""
        item["status"] = status
        self._items.append(item)
        return done + self._event("response.output_item.done", output_index=self._index, item=item)

    def _annotated(self, annotations: list[dict[str, Any]], place: dict[str, Any]) -> bytes:
        """The citations of a text that is whole."""
        return b"".join(
            self._event(
                "response.output_text.annotation.added",
                **place,
                content_index=0,
                annotation_index=number,
                annotation=annotation,
            )
            for number, annotation in enumerate(annotations)
        )

    def _arguments_done(self, arguments: str, place: dict[str, Any]) -> bytes:
        if not self._form.delta:
            return b""
        event, fields = self._form.done(arguments)
        return self._event(event, **place, **fields)

    def _added(self, item: dict[str, Any]) -> bytes:
        return self._event("response.output_item.added", output_index=self._index, item=item)

    def _part(self, word: str, part: dict[str, Any]) -> bytes:
        return self._event(
            f"response.content_part.{word}",
            item_id=self._item_id,
            output_index=self._index,
            content_index=0,
            part=part,
        )

    def _event(self, kind: str, **fields: Any) -> bytes:
        payload = {"type": kind, "sequence_number": self._sequence, **fields}
        self._sequence += 1
        return sse.named(kind, payload)
