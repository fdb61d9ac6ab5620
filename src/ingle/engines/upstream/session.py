"""Operations in the words of the OpenAI API, spoken to an upstream server.

Reference: the "Chat", "Completions" and "Embeddings" pages of OpenAI's API
reference; the extra sampling fields are those that vLLM and llama.cpp take.
"""

from __future__ import annotations

import array
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.complete.operation import Complete
from ingle.capabilities.embed.operation import Embed, Embedded
from ingle.capabilities.rerank.operation import Ranked, Rerank, Reranked
from ingle.capabilities.translate.operation import Translate
from ingle.engines.engine import Emit, Feed, LoadSpec
from ingle.engines.llama import chunks, request
from ingle.engines.llama.prompt_media import PromptMedia
from ingle.engines.translators.chat_translator import translate_by_chat
from ingle.errors import (
    CapabilityMissing,
    ContextLengthExceeded,
    IngleError,
    InvalidRequest,
    ModelNotFound,
    NetworkError,
    Unauthorized,
    UpstreamError,
)
from ingle.operations import Generation, Operation, Usage

CONNECT_S = 10.0
SILENCE_S = 600.0
"""An upstream that sends nothing for so long, not even a token, is given up."""


class UpstreamSession:
    """See `ingle.engines.engine.Session`. One HTTP client, shared by the worker's threads."""

    def __init__(self, spec: LoadSpec, base_url: str, api_key: str) -> None:
        self._spec = spec
        self._media = PromptMedia()
        self.facts: dict[str, Any] = {"base_url": base_url}
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = httpx.Client(
            base_url=base_url.rstrip("/") + "/",
            headers=headers,
            timeout=httpx.Timeout(SILENCE_S, connect=CONNECT_S),
            limits=httpx.Limits(max_connections=spec.slots),
            trust_env=False,
        )

    def perform(self, operation: Operation, emit: Emit, feed: Feed | None = None) -> None:
        match operation:
            case Chat():
                body = request.chat_body(operation, self._spec, self._media)
                body |= request.answer_form(operation)
                self._generate("chat/completions", body, operation, emit)
            case Complete():
                body = request.complete_body(operation, self._spec)
                body["echo"] = operation.echo
                if operation.schema is not None:
                    body["json_schema"] = operation.schema
                if operation.echo_only:
                    body["max_tokens"] = 0
                if operation.suffix:
                    body["suffix"] = operation.suffix
                self._generate("completions", body, operation, emit)
            case Translate():
                translate_by_chat(operation, self.perform, emit, self._spec.inbox)
            case Embed():
                self._embed(operation, emit)
            case Rerank():
                self._rerank(operation, emit)
            case _:
                raise CapabilityMissing(
                    f"an upstream cannot perform {type(operation).__name__}",
                    model=self._spec.model,
                )

    def close(self) -> None:
        self._client.close()

    def _generate(self, path: str, body: dict[str, Any], operation: Generation, emit: Emit) -> None:
        if operation.adapters:
            raise CapabilityMissing(
                "adapters of this device cannot be sent to an upstream", capability="adapters"
            )
        for ours in ("lora", "return_progress", "cache_prompt"):
            body.pop(ours)  # llama.cpp's own; others may refuse unknown fields
        body["model"] = operation.model
        body["n"] = operation.n
        if operation.stop:
            body["stop"] = operation.stop
        begun = request.begun_json(operation)
        translate = chunks.ChunkEvents(operation.stop, operation.top_logprobs, begun)
        for data in self._events(path, body):
            for event in translate.events(chunks.decode(data)):
                emit(event)
        emit(translate.usage)
        emit(translate.timing)

    def _events(self, path: str, body: dict[str, Any]) -> Iterator[bytes]:
        """The data of each server-sent event. Leaving the loop closes the connection."""
        try:
            with self._client.stream("POST", path, json=body) as response:
                if response.status_code != 200:
                    response.read()
                    raise self._refusal(response)
                for line in response.iter_lines():
                    if line.startswith("data:"):
                        data = line[5:].strip()
                        if data == "[DONE]":
                            return
                        yield data.encode()
        except httpx.HTTPError as error:
            raise self._broken(error) from error

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        try:
            response = self._client.post(path, json=body)
        except httpx.HTTPError as error:
            raise self._broken(error) from error
        if response.status_code != 200:
            raise self._refusal(response)
        return msgspec.json.decode(response.content)

    def _embed(self, operation: Embed, emit: Emit) -> None:
        body: dict[str, Any] = {"model": operation.model, "input": operation.inputs}
        if operation.dimensions is not None:
            body["dimensions"] = operation.dimensions
        answer = self._post("embeddings", body)
        rows = sorted(answer["data"], key=lambda row: row["index"])
        values = array.array("f", (value for row in rows for value in row["embedding"]))
        if sys.byteorder == "big":
            values.byteswap()
        emit(
            Embedded(
                model=operation.model,
                digest="",
                dimensions=len(rows[0]["embedding"]),
                data=values.tobytes(),
                usage=Usage(prompt_tokens=answer.get("usage", {}).get("prompt_tokens", 0)),
            )
        )

    def _rerank(self, operation: Rerank, emit: Emit) -> None:
        body: dict[str, Any] = {
            "model": operation.model,
            "query": operation.query,
            "documents": operation.documents,
        }
        if operation.top is not None:
            body["top_n"] = operation.top
        answer = self._post("rerank", body)
        emit(
            Reranked(
                model=operation.model,
                digest="",
                ranking=[
                    Ranked(index=row["index"], score=row["relevance_score"])
                    for row in answer["results"]
                ],
                usage=Usage(prompt_tokens=answer.get("usage", {}).get("total_tokens", 0)),
            )
        )

    def _broken(self, error: httpx.HTTPError) -> NetworkError:
        return NetworkError(
            f"{self._spec.model} at {self._client.base_url} is not reachable, "
            f"or failed: {error or type(error).__name__}",
            hint="ingle doctor",
        )

    def _refusal(self, response: httpx.Response) -> IngleError:
        """What the upstream said, as the error of ours that fits best."""
        text = response.text[:500]
        code = ""
        try:
            error = msgspec.json.decode(response.content).get("error", {})
            text = str(error.get("message", text))
            code = f"{error.get('code', '')} {error.get('type', '')}"
        except (msgspec.DecodeError, AttributeError):
            pass  # not JSON: the status and the text say enough
        facts: dict[str, Any] = {"status": response.status_code, "upstream": self._spec.model}
        said = f"{self._spec.model} answered {response.status_code}: {text}"
        if "context" in code and "length" in code:
            return ContextLengthExceeded(said, **facts)
        match response.status_code:
            case 400 | 422:
                return InvalidRequest(said, field="request", **facts)
            case 401 | 403:
                return Unauthorized(said, hint="check the upstream's api_key_env", **facts)
            case 404:
                return ModelNotFound(said, **facts)
        return UpstreamError(said, **facts)
