"""How an answer of a chat is held to what was asked: by which grammar, read by whom.

Free text, and calls that may come or not, are left to llama.cpp, which knows the form in which
each template writes calls. Everything that must be held is held by one of our grammars: a schema,
a call that must be made, a call or a schema, and the calls of strict tools where llama.cpp's own
grammars would pass over a part of their schemas.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ingle.capabilities.chat.operation import Chat
from ingle.engines.engine import Emit
from ingle.engines.llama.grammar import answer_grammar
from ingle.engines.llama.grammar.answer_check import AnswerCheck
from ingle.engines.llama.grammar.answer_grammar import (
    OPENING_TAG,
    CallableTool,
    Thought,
)
from ingle.engines.llama.grammar.answer_reader import AnswerReader
from ingle.engines.llama.grammar.compile_errors import grammar_error
from ingle.engines.llama.grammar.gbnf import schema_gbnf
from ingle.engines.llama.grammar.held_schema import HeldSchema, held_schema
from ingle.engines.llama.grammar.native_schema import native_schemas, not_held_natively
from ingle.engines.llama.grammar.normal_schema import Dropped
from ingle.engines.llama.grammar.schema_totals import HELD_TOTALS, SchemaTotals
from ingle.engines.llama.request import begun_json
from ingle.engines.llama.thought_splitter import CLOSING, OPENING
from ingle.errors import InvalidRequest
from ingle.operations import Event, Note, Tool

_CHANNELS = "<|channel|>"
"""Templates with it write everything into channels, which only llama.cpp's own grammars hold."""

Render = Callable[[dict[str, Any]], str]
"""The prompt that the template makes of a body."""


@dataclass(frozen=True)
class AnswerPlan:
    """What is added to the engine's request, and how its answer is read."""

    body: dict[str, Any]
    tools: dict[str, HeldSchema] = field(default_factory=dict)
    schema: HeldSchema | None = None
    begun: str = ""
    reads: tuple[CallableTool, ...] = ()
    """Tools whose calls are in the text, for `AnswerReader`."""
    in_text: bool = False
    thought: bool | None = None
    """The text may begin with reasoning; True: its opening tag is in the prompt."""
    without: tuple[str, ...] = ()
    """Fields that the engine's request must not have."""
    json: bool = False
    """The text is JSON, of which white space is left out."""
    notes: tuple[Note, ...] = ()


class PlannedEvents:
    """Passes a generation's events on as a plan reads them.

    Args:
        emit: gets the events that are the answer's.
    """

    def __init__(self, plan: AnswerPlan, emit: Emit) -> None:
        self._plan = plan
        self._emit = emit
        self._readers: dict[int, AnswerReader] = {}
        self._check = AnswerCheck(plan.tools, plan.schema, plan.begun)

    def __call__(self, event: Event) -> None:
        """Take one event of the engine's."""
        if not self._plan.reads:
            self._pass(event)
            return
        index = getattr(event, "index", 0)
        if index not in self._readers:
            self._readers[index] = AnswerReader(self._plan.reads, in_text=self._plan.in_text)
        for read in self._readers[index].events(event):
            self._pass(read)

    def _pass(self, event: Event) -> None:
        for checked in self._check.events(event):
            self._emit(checked)


def is_forced(operation: Chat) -> bool:
    """The caller leaves the model no choice whether to call a tool."""
    return bool(operation.tools) and operation.tool_choice not in {"auto", "none"}


def schema_plan(schema: dict[str, Any], *, guided: bool = True) -> AnswerPlan:
    """The plan for a completion that is nothing but JSON of a schema.

    Args:
        guided: the engine has LLGuidance.

    Raises:
        InvalidRequest: it cannot be held; names the keyword and its place.
    """
    held = held_schema(schema)
    held.require("schema")
    grammar = answer_grammar.schema_grammar(held.held) if guided else schema_gbnf(held.shown)
    return AnswerPlan({"grammar": grammar}, schema=held, json=True)


def answer_plan(
    operation: Chat, template: str, render: Render, *, guided: bool = True
) -> AnswerPlan:
    """The plan for a chat with tools or a schema.

    Args:
        template: the model's chat template.
        render: asked only where a grammar of ours must know whether reasoning has begun.
        guided: the engine has LLGuidance.

    Raises:
        InvalidRequest: a schema that must be held cannot be; names the keyword and its place.
    """
    offered = [tool for tool in operation.tools if _is_offered(tool, operation)]
    tools = {tool.name: held_schema(_parameters(tool)) for tool in offered}
    for tool in offered:
        if tool.strict:
            tools[tool.name].require(_field(tool))
    schema = None if operation.schema is None else held_schema(operation.schema)
    if schema is not None:
        schema.require("schema")
    if _CHANNELS in template or operation.continue_last:
        return _native_plan(operation, offered, tools, schema)
    forced = is_forced(operation)
    tagged = OPENING_TAG in template
    if schema is None and not forced:
        passed_over = _passed_over(tools, offered)
        if not passed_over and not (tagged and _too_much_natively(tools)):
            return _native_plan(operation, offered, tools, schema)
    if schema is None and not forced and not tagged:
        place = next(iter(passed_over))
        raise InvalidRequest(
            f"{place}; this model's form of calls cannot hold it",
            hint="leave out strict, or require a call",
            field="tools",
        )
    body: dict[str, Any] = {}
    if offered:
        body |= {
            "tools": shown_tools(offered),
            "tool_choice": "none",
        }  # none of llama.cpp's own grammars
    if forced and not operation.think:
        body["chat_template_kwargs"] = {**operation.template_options, "enable_thinking": False}
    thought = _thought(template, render, body)
    if schema is not None and not offered and not guided:
        grammar = schema_gbnf(schema.shown, thought)
        opened = None if thought is Thought.NONE else thought is Thought.OPENED
        return AnswerPlan({"grammar": grammar}, schema=schema, json=True, thought=opened)
    tools = _within_totals(offered, tools, schema)
    callable_tools = _callable(tools)
    grammar = _grammar(operation, callable_tools, schema, thought, tagged=tagged)
    if error := grammar_error(grammar):
        tools = _strict_alone(offered, tools, Dropped("", "", error))
        callable_tools = _callable(tools)
        grammar = _grammar(operation, callable_tools, schema, thought, tagged=tagged)
        if error := grammar_error(grammar):
            raise InvalidRequest(f"the schemas cannot be held together: {error}", field="tools")
    return AnswerPlan(
        {**body, "grammar": grammar},
        tools,
        schema,
        reads=callable_tools,
        in_text=schema is None and not forced,
        json=schema is not None and not forced,
        thought=None if thought is Thought.NONE else thought is Thought.OPENED,
        **_no_logprobs(operation),
    )


def shown_tools(tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """Tools as a model is shown them."""
    return [_function(tool, held_schema(_parameters(tool)).shown) for tool in tools]


def _native_plan(
    operation: Chat, offered: list[Tool], tools: dict[str, HeldSchema], schema: HeldSchema | None
) -> AnswerPlan:
    body: dict[str, Any] = {}
    parts = {_field(tool): tools[tool.name].shown for tool in offered}
    if schema is not None:
        parts["schema"] = schema.shown
    taken, too_much = native_schemas(list(parts.values()))
    if too_much is not None:
        raise InvalidRequest(
            f"the schemas are too large for this model's form of calls: {too_much}",
            hint="send fewer or smaller schemas",
            field="tools" if offered else "schema",
        )
    if offered:
        choice = "required" if is_forced(operation) else operation.tool_choice
        body["tools"] = [_function(*each) for each in zip(offered, taken, strict=False)]
        body["tool_choice"] = choice
        body["parallel_tool_calls"] = operation.parallel_tool_calls
    if schema is not None:
        wanted = {"name": "answer", "schema": taken[-1]}
        body["response_format"] = {"type": "json_schema", "json_schema": wanted}
    begun = begun_json(operation) or ""
    json = schema is not None
    return AnswerPlan(body, tools, schema, begun, json=json, **_no_logprobs(operation))


def _too_much_natively(tools: dict[str, HeldSchema]) -> bool:
    return native_schemas([held.shown for held in tools.values()])[1] is not None


def _within_totals(
    offered: list[Tool], tools: dict[str, HeldSchema], schema: HeldSchema | None
) -> dict[str, HeldSchema]:
    """The tools, of which those are let go that go over what one request may add up to.

    Raises:
        InvalidRequest: a strict tool does; names the keyword and its place.
    """
    totals = SchemaTotals(HELD_TOTALS)
    if schema is not None:
        totals.add(schema.held)
    found = dict(tools)
    for tool in sorted(offered, key=lambda tool: not tool.strict):
        if over := totals.add(tools[tool.name].held):
            found[tool.name] = tools[tool.name].let_go(over)
            if tool.strict:
                found[tool.name].require(_field(tool))
    return found


def _strict_alone(
    offered: list[Tool], tools: dict[str, HeldSchema], reason: Dropped
) -> dict[str, HeldSchema]:
    """The tools, of which those that need not be held are let go."""
    strict = {tool.name for tool in offered if tool.strict}
    return {name: held if name in strict else held.let_go(reason) for name, held in tools.items()}


def _callable(tools: dict[str, HeldSchema]) -> tuple[CallableTool, ...]:
    return tuple(CallableTool(name, held.held) for name, held in tools.items())


def _no_logprobs(operation: Chat) -> dict[str, Any]:
    """The engine tells none where tools are offered."""
    if not (operation.logprobs and operation.tools):
        return {}
    message = "logprobs: none are told where tools are offered"
    note = Note(code="left_out", message=message, field="logprobs")
    return {"without": ("logprobs", "top_logprobs"), "notes": (note,)}


def _grammar(
    operation: Chat,
    tools: tuple[CallableTool, ...],
    schema: HeldSchema | None,
    thought: Thought,
    *,
    tagged: bool,
) -> str:
    several = operation.parallel_tool_calls
    if is_forced(operation):
        return answer_grammar.call_grammar(tools, thought, tagged=tagged)
    if schema is None:
        return answer_grammar.call_or_text_grammar(tools, thought, several=several)
    if tools:
        return answer_grammar.call_or_schema_grammar(tools, schema.held, thought, several=several)
    return answer_grammar.schema_grammar(schema.held, thought)


def _thought(template: str, render: Render, body: dict[str, Any]) -> Thought:
    if OPENING not in template:
        return Thought.NONE
    prompt = render(body).rstrip()
    if prompt.endswith(OPENING):
        return Thought.OPENED
    return Thought.NONE if prompt.endswith(CLOSING) else Thought.OFFERED


def _is_offered(tool: Tool, operation: Chat) -> bool:
    if operation.tool_choice in {"auto", "required"}:
        return True
    return tool.name == operation.tool_choice


def _passed_over(tools: dict[str, HeldSchema], offered: list[Tool]) -> list[str]:
    """Parts of strict tools' schemas that llama.cpp would not hold."""
    return [
        f"{_field(tool)}: {part}"
        for tool in offered
        if tool.strict
        for part in not_held_natively(tools[tool.name].shown)
    ]


def _parameters(tool: Tool) -> dict[str, Any]:
    """The schema of a tool's arguments, which are an object whether it says so or not."""
    if not tool.parameters:
        return {"type": "object", "properties": {}}
    if "$ref" in tool.parameters:
        return tool.parameters
    return {"type": "object", **tool.parameters}


def _function(tool: Tool, parameters: dict[str, Any]) -> dict[str, Any]:
    shown = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": shown}


def _field(tool: Tool) -> str:
    return f"tools[{tool.name}].parameters"
