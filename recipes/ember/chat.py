"""The chat format: ChatML in Qwen3's convention, as a template and as training text.

The template is data/chat.jinja. `render` cuts what it makes of a conversation into the prompt, and
the answer that the loss is taken on.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

import jinja2

from ingle.operations.parameters import conversation_in_order

from . import tables

END_OF_TEXT, TURN_START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CONTROL_TOKENS = [END_OF_TEXT, TURN_START, TURN_END]
# Text that the model writes itself and that parsers look for: visible when decoded.
USER_DEFINED_TOKENS = [
    "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>",
]  # fmt: skip

# It travels inside the GGUF, where llama.cpp's own template engine and tool parser read it.
TEMPLATE = tables.checked("chat.jinja").decode()
ENVIRONMENT = jinja2.Environment()
ENVIRONMENT.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
RENDERED = ENVIRONMENT.from_string(TEMPLATE)

Message = dict[str, Any]


@dataclass
class Conversation:
    """Messages that end with the assistant's answer; only that answer is trained on."""

    messages: list[Message]
    tools: list[dict[str, Any]] = field(default_factory=list)
    thinking: bool = False
    task: str = ""  # which generator made it, for figures by task
    check: dict[str, Any] = field(default_factory=dict)  # what a right answer must satisfy


def render(conversation: Conversation) -> tuple[str, str]:
    """(prompt, answer). With thinking off the prompt holds the empty block, as Qwen3's does.

    Tools and calls are in the order in which ingle shows them to a model.
    """
    messages, tools = conversation_in_order(conversation.messages, conversation.tools)
    *history, final = messages
    if not conversation.thinking:
        final = {key: value for key, value in final.items() if key != "reasoning_content"}
    prompt = RENDERED.render(
        messages=history, tools=tools, add_generation_prompt=True,
        enable_thinking=conversation.thinking,
    )  # fmt: skip
    whole = RENDERED.render(messages=[*history, final], tools=tools)
    assert whole.startswith(prompt), "an answer continues where its prompt ends"
    return prompt, whole[len(prompt) :].removesuffix("\n")


def parse(text: str) -> Message:
    """The message in what a model wrote after a prompt: reasoning, content and calls."""
    text = text.split(TURN_END)[0]
    reasoning, found, content = text.rpartition("</think>")
    message: Message = {"role": "assistant", "content": content if found else text}
    if found:
        message["reasoning_content"] = reasoning.replace("<think>", "").strip("\n")
    calls = []
    for body in re.findall(r"<tool_call>\n?(.*?)\n?</tool_call>", message["content"], re.S):
        try:
            call = json.loads(body)
            function = {"name": call["name"], "arguments": json.dumps(call["arguments"])}
        except (ValueError, KeyError, TypeError):
            function = {"name": "", "arguments": "not JSON"}
        calls.append({"type": "function", "function": function})
    if calls:
        message["tool_calls"] = calls
        message["content"] = message["content"].split("<tool_call>")[0]
    message["content"] = message["content"].strip()
    return message
