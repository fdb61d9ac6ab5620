"""Checks: is an answer right? The same judgement for rewards in training and for evaluation."""

from __future__ import annotations

import json
from typing import Any

UNKNOWN = ["The text does not say."]
DONT_KNOW = ["I don't know that. I'm a small model and know little about the world."]
NO_FUNCTION = ["None of my functions can do that."]
EMPTY = "Your message is empty. What would you like to know?"
NOISE = "I don't know what that means. Could you say it in English?"
REFUSALS = frozenset([*UNKNOWN, *DONT_KNOW, *NO_FUNCTION, EMPTY, NOISE])


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def calls_of(message: dict[str, Any]) -> list[tuple[str, Any]] | None:
    """Names and arguments of the calls, None if one of them is no JSON."""
    made = []
    for call in message.get("tool_calls") or []:
        name, arguments = call["function"]["name"], call["function"]["arguments"]
        if isinstance(arguments, str):
            if not is_json(arguments):
                return None
            arguments = json.loads(arguments)
        made.append((name, arguments))
    return made


def is_right(check: dict[str, Any], message: dict[str, Any]) -> bool:
    """`message` is an assistant's, as the OpenAI interface has it or as `chat.parse` makes it."""
    content = (message.get("content") or "").strip()
    calls = calls_of(message)
    if "calls" in check:
        return calls is not None and calls == calls_of({"tool_calls": check["calls"]})
    if calls != []:
        return False
    if "equals" in check:
        return bool(content.casefold() == str(check["equals"]).strip().casefold())
    if "unknown" in check:
        return content in REFUSALS or content.startswith("I don't know")
    if "no_call" in check:
        return bool(content)
    if "json" in check:
        return is_json(content) and bool(json.loads(content) == check["json"])
    if "contains" in check:
        return f"`{check['contains']}" in content
    return bool(content)  # free: any answer
