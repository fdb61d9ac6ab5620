"""HTTP routes of completions."""

from __future__ import annotations

import time

from ingle.capabilities.complete.operation import Complete
from ingle.operations import ChatResult, Fold
from ingle.server import answer_ids
from ingle.server.endpoint import EndpointContext, Table
from ingle.server.exchange import Exchange
from ingle.server.fanout import perform_all
from ingle.wire.openai import completion_answer, completions


def table(floor: EndpointContext) -> Table:
    """The routes."""
    return {"/v1/completions": {"POST": create_completions}}


async def create_completions(exchange: Exchange) -> None:
    """``POST /v1/completions``: one prompt or several, which are batched by the node."""
    limits = exchange.settings.limits
    request = completions.parse(await exchange.body(), most=limits.prompts)
    identifier, created = answer_ids.new("cmpl"), int(time.time())
    first = request.operations[0]
    if not request.stream:
        results = await exchange.attended(lambda: _complete_all(exchange, request.operations))
        answer = completion_answer.completion(
            results,
            identifier=identifier,
            created=created,
            n=first.n,
            offsets=request.offsets,
        )
        await exchange.reply(answer)
        return
    stream = completion_answer.CompletionStream(
        identifier=identifier,
        created=created,
        model=first.model,
        n=first.n,
        offsets=request.offsets,
        include_usage=request.include_usage,
    )

    def tell(position: int) -> None:
        stream.at = position

    if len(request.operations) == 1:
        source = exchange.node.perform(first)
    else:
        source = perform_all(
            exchange.node, request.operations, at_once=limits.prompts_at_once, tell=tell
        )
    await exchange.stream(source, stream)


async def _complete_all(exchange: Exchange, operations: list[Complete]) -> list[ChatResult]:
    if len(operations) == 1:
        return [await exchange.folded(operations[0])]
    folds = [Fold() for _ in operations]
    position = 0

    def tell(found: int) -> None:
        nonlocal position
        position = found

    at_once = exchange.settings.limits.prompts_at_once
    async with perform_all(exchange.node, operations, at_once=at_once, tell=tell) as events:
        async for event in events:
            folds[position].add(event)
    return [
        exchange.counted(fold.result(), operation)
        for fold, operation in zip(folds, operations, strict=True)
    ]
