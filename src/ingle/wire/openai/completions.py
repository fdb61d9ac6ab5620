"""``POST /v1/completions``: body to operations (API reference, "Create completion")."""

from __future__ import annotations

from typing import NamedTuple

from ingle.capabilities.complete.operation import Complete
from ingle.errors import InvalidRequest
from ingle.wire.body import decode, renamed, token_limit
from ingle.wire.openai.chat_completions import (
    ObjectFormat,
    SchemaFormat,
    StreamOptions,
    TextFormat,
    schema,
)
from ingle.wire.openai.sampling_body import SamplingBody


class CompletionsBody(SamplingBody, kw_only=True):
    """The fields of the route that mean something here; the others are passed over."""

    model: str
    prompt: str | list[str | int | list[int]] | None = None
    suffix: str | None = None
    echo: bool | None = None
    logprobs: int | bool | None = None
    max_tokens: int | None = None
    n: int | None = None
    best_of: int | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    response_format: TextFormat | ObjectFormat | SchemaFormat | None = None


class CompletionsRequest(NamedTuple):
    """What the client asked: one operation per prompt, and how it wants the answer."""

    operations: list[Complete]
    stream: bool
    include_usage: bool

    @property
    def offsets(self) -> list[int]:
        """Where the answers' characters begin: after each prompt, unless it is echoed."""
        return [
            0 if operation.echo or isinstance(operation.prompt, list) else len(operation.prompt)
            for operation in self.operations
        ]


def parse(body: bytes, *, most: int = 128) -> CompletionsRequest:
    """Read the body.

    Args:
        body: The request.
        most: Prompts that one request may hold.

    Raises:
        InvalidRequest: a bad field.
    """
    asked = decode(body, CompletionsBody)
    found = prompts(asked.prompt)
    if len(found) > most:
        raise InvalidRequest(f"prompt: {len(found)} prompts; at most {most}", field="prompt")
    n = 1 if asked.n is None else asked.n
    if asked.best_of is not None and not 0 <= asked.best_of <= n:
        raise InvalidRequest("best_of: must be between 0 and n", field="best_of")
    wanted = asked.logprobs
    echo = bool(asked.echo)
    # The API has no other way to ask for the prompt's own log-probabilities.
    echo_only = echo and asked.max_tokens == 0
    names = {**asked.names(), "schema": "response_format", "top_logprobs": "logprobs"}
    with renamed(names):
        common = asked.common()
        operations = [
            Complete(
                model=asked.model,
                prompt=prompt,
                suffix=asked.suffix or "",
                echo=echo,
                echo_only=echo_only,
                max_tokens=None if echo_only else _limit(asked.max_tokens),
                n=n,
                logprobs=wanted is not None and wanted is not False,
                top_logprobs=wanted if isinstance(wanted, int) and wanted is not True else 0,
                schema=schema(asked.response_format),
                **common,
            )
            for prompt in found
        ]
    options = asked.stream_options
    return CompletionsRequest(
        operations, bool(asked.stream), bool(options and options.include_usage)
    )


def prompts(given: str | list[str | int | list[int]] | None) -> list[str | list[int]]:
    """The prompts: one text, several, one list of token ids, or several.

    Raises:
        InvalidRequest: an empty list, or token ids mixed with texts.
    """
    if given is None:
        return [""]
    if isinstance(given, str):
        return [given]
    if not given:
        raise InvalidRequest("prompt: the list is empty", field="prompt")
    ids = [item for item in given if isinstance(item, int)]
    if not ids:
        return [item for item in given if not isinstance(item, int)]
    if len(ids) != len(given):
        raise InvalidRequest("prompt: token ids and texts are mixed", field="prompt")
    return [ids]


def _limit(tokens: int | None) -> int | None:
    # The API's own default; chat has none.
    return 16 if tokens is None else token_limit(tokens)
