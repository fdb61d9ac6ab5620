"""Parameters of a tool, in the one order in which an engine lets a call name them.

llama.cpp holds a call to a grammar made of the tool's schema: what is required comes first, then
what may be left out, each in the schema's order. A model writes parameters as it was shown them.
Where an optional one is shown before a required one, it is led past it and never comes back: the
argument is missing from the call. So the model is shown the grammar's order, in chats and in
training alike.
"""

from __future__ import annotations

from typing import Any


def required_first(schema: dict[str, Any]) -> dict[str, Any]:
    """The same schema; the properties of every object in it are in the grammar's order."""
    ordered = {name: _within(value) for name, value in schema.items()}
    properties, required = ordered.get("properties"), ordered.get("required")
    if isinstance(properties, dict) and isinstance(required, list):
        ordered["properties"] = dict(
            sorted(properties.items(), key=lambda item: item[0] not in required)
        )
    return ordered


def arranged(value: Any, schema: Any) -> Any:
    """What a schema describes, such as a call's arguments, in the grammar's order.

    Args:
        schema: as `required_first` returns it. What it does not name stays behind the rest.
    """
    if not isinstance(schema, dict):
        return value
    if isinstance(value, list):
        return [arranged(item, schema.get("items")) for item in value]
    properties = schema.get("properties")
    if not isinstance(value, dict) or not isinstance(properties, dict):
        return value
    names = [name for name in properties if name in value]
    names += [name for name in value if name not in properties]
    return {name: arranged(value[name], properties.get(name)) for name in names}


def conversation_in_order(
    messages: list[dict[str, Any]], tools: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A conversation in OpenAI's form, arguments as objects: tools and calls in that order."""
    shown = [_shown(tool) for tool in tools]
    functions = [tool["function"] for tool in shown if isinstance(tool.get("function"), dict)]
    schemas = {function.get("name"): function.get("parameters") for function in functions}

    def call(made: dict[str, Any]) -> dict[str, Any]:
        function = made["function"]
        arguments = arranged(function["arguments"], schemas.get(function["name"]))
        return {**made, "function": {**function, "arguments": arguments}}

    return [
        {**message, "tool_calls": [call(made) for made in message["tool_calls"]]}
        if message.get("tool_calls")
        else message
        for message in messages
    ], shown


def _shown(tool: dict[str, Any]) -> dict[str, Any]:
    function = tool.get("function")
    if not isinstance(function, dict) or not isinstance(function.get("parameters"), dict):
        return tool
    parameters = required_first(function["parameters"])
    return {**tool, "function": {**function, "parameters": parameters}}


def _within(value: Any) -> Any:
    if isinstance(value, dict):
        return required_first(value)
    return [_within(item) for item in value] if isinstance(value, list) else value
