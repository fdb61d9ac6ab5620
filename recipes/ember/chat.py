"""The chat format: ChatML in Qwen3's convention, as a template and as training text.

The template is data/chat.jinja. `render` builds the same text for training, in two pieces: the
prompt, and the answer that the loss is taken on. tests/recipes checks that the two agree.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

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
TOOLS_BEFORE = "# Tools\n\nYou may call these functions when they help:\n<tools>"
TOOLS_AFTER = (
    "\n</tools>\n\nTo call one, answer with its name and arguments as JSON:\n<tool_call>\n"
    '{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>'
)

Message = dict[str, Any]


@dataclass
class Conversation:
    """Messages that end with the assistant's answer; only that answer is trained on."""

    messages: list[Message]
    tools: list[dict[str, Any]] = field(default_factory=list)
    thinking: bool = False
    task: str = ""  # which generator made it, for figures by task
    check: dict[str, Any] = field(default_factory=dict)  # what a right answer must satisfy


def tool_call_text(call: dict[str, Any]) -> str:
    body = json.dumps(call["function"]["arguments"], ensure_ascii=False)
    return (
        f'<tool_call>\n{{"name": "{call["function"]["name"]}", "arguments": {body}}}\n</tool_call>'
    )


def assistant_text(message: Message) -> str:
    parts = [message.get("content") or "", *map(tool_call_text, message.get("tool_calls", []))]
    return "\n".join(part for part in parts if part)


def render(conversation: Conversation) -> tuple[str, str]:
    """(prompt, answer). With thinking off the prompt holds the empty block, as Qwen3's does.

    Tools and calls are in the order in which ingle shows them to a model.
    """
    messages, tools = conversation_in_order(conversation.messages, conversation.tools)
    *history, final = messages
    out: list[str] = []
    system = ""
    if history and history[0]["role"] == "system":
        system = history[0]["content"]
        history = history[1:]
    if tools:
        listing = "".join("\n" + json.dumps(t, ensure_ascii=False) for t in tools)
        system = (system + "\n\n" if system else "") + TOOLS_BEFORE + listing + TOOLS_AFTER
    if system:
        out.append(f"{TURN_START}system\n{system}{TURN_END}\n")
    in_tools = False
    for message in history:
        role = message["role"]
        if role == "tool":
            out.append("" if in_tools else f"{TURN_START}user")
            out.append(f"\n<tool_response>\n{message['content']}\n</tool_response>")
            in_tools = True
            continue
        if in_tools:
            out.append(f"{TURN_END}\n")
            in_tools = False
        text = message["content"] if role != "assistant" else assistant_text(message)
        out.append(f"{TURN_START}{role}\n{text}{TURN_END}\n")
    if in_tools:
        out.append(f"{TURN_END}\n")
    out.append(f"{TURN_START}assistant\n")
    block = f"<think>\n{final.get('reasoning_content', '')}\n</think>\n\n"
    answer = assistant_text(final) + TURN_END
    if conversation.thinking:
        return "".join(out), block + answer
    return "".join(out) + "<think>\n\n</think>\n\n", answer


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
