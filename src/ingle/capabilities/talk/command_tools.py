"""Tools that are commands: a file says which, and the model may have them called.

The file is a JSON list: ``[{"name": "weather", "description": "...", "parameters": {JSON Schema},
"command": ["python3", "weather.py"]}]``. A command reads the call's arguments as JSON from its
standard input; what it writes to its standard output is the result.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from ingle.errors import InvalidRequest
from ingle.operations import Tool, ToolCall
from ingle.operations.operation import JsonObject

DEADLINE_S = 30.0
MOST_OUTPUT = 1 << 16


class _CommandTool(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    command: list[str]
    description: str = ""
    parameters: JsonObject = {}


class CommandTools:
    """The tools of a file.

    Raises:
        InvalidRequest: it cannot be read, or is not such a list.
    """

    def __init__(self, path: str) -> None:
        try:
            found = msgspec.json.decode(Path(path).read_bytes(), type=list[_CommandTool])
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidRequest(f"tools: {path}: {error}", field="tools") from None
        self._commands = {tool.name: tool.command for tool in found}
        if not all(self._commands.values()):
            raise InvalidRequest(f"tools: {path}: a command is empty", field="tools")
        self.tools = tuple(
            Tool(name=tool.name, description=tool.description, parameters=tool.parameters)
            for tool in found
        )

    async def call(self, call: ToolCall) -> str:
        """Run the command of a call; whatever goes wrong is the result that the model is told."""
        command = self._commands.get(call.name)
        if command is None:
            return f"error: there is no tool {call.name}"
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            return f"error: {command[0]} cannot be started: {error.strerror}"
        try:
            async with asyncio.timeout(DEADLINE_S):
                out, err = await process.communicate(call.arguments.encode())
        except TimeoutError:
            return f"error: it took longer than {DEADLINE_S:g} s"
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            return f"error: status {process.returncode}: {_text(err[-1000:])}"
        return _text(out[:MOST_OUTPUT])


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").strip()
