"""``ingle chat``: a conversation in the terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ingle.capabilities.chat.cli.generation_options import generation_options, request_fields
from ingle.capabilities.chat.cli.image_files import dragged_files, read_image, read_recording
from ingle.capabilities.chat.cli.timing import describe, limit_of
from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.store.cli.offering import pulling_if_agreed
from ingle.cli.command import flags, options
from ingle.cli.output import Output
from ingle.cli.stdin import is_interactive
from ingle.cli.unused_graphics import tell_unused_graphics, untold_graphics
from ingle.errors import ContextLengthExceeded, IngleError, InvalidRequest
from ingle.operations import (
    AudioPart,
    Fold,
    ImagePart,
    Message,
    Reasoning,
    Text,
)
from ingle.operations.message import parts_of_kind

if TYPE_CHECKING:
    from ingle.capabilities.collections.cli.collection_chat import CollectionChat
    from ingle.client.sync import Conversation, Home

HISTORY_LINES = 1000
WITH = "Answer from a collection of documents, with the passages that say it."
_NUMBERS = ("temperature", "top_p", "min_p", "repeat_penalty")
_WHOLE_NUMBERS = ("top_k", "seed", "max_tokens", "context")
HELP = """\
/help            this text
/model NAME      continue with another model
/system TEXT     what the model should know or be (starts over)
/think on|off    let the model reason first
/set NAME VALUE  a setting such as temperature, top_p, seed, max_tokens
/image FILE      show the model a picture with the next message; or drag it here
/with NAME       answer from a collection of documents; without NAME: no longer
/sources         the passages of the last such answer
/audio FILE      let the model hear a recording with the next message
/clear           forget what was said
/undo            forget the last question and its answer
/again           ask the last question again
/save FILE       write the conversation as JSON
/stats           where the time of the last answer went
/bye             leave (so does Ctrl-D)
A message of several lines stands between two lines of \"\"\" . Ctrl-C stops an answer."""


@click.command("chat")
@click.argument("model", default="")
@click.option("--with", "collection", default="", metavar="COLLECTION", help=WITH)
@generation_options
@options
def chat_command(output: Output, model: str, collection: str, **given: Any) -> None:
    """Talk to a model. /help inside tells what else you can do."""
    converse(output, model, given, collection)


def converse(output: Output, model: str, given: dict[str, Any], collection: str = "") -> None:
    """Run a conversation until the user leaves.

    Args:
        collection: that answers come from; empty: from the model alone.
    """
    from ingle.client.sync import open_home

    fields = request_fields(given)
    with open_home(otherwise="background", **flags()) as home:
        chosen = model or home.settings.model
        # An unknown model is said before anything is typed.
        pulling_if_agreed(output, lambda: home.show(chosen))
        if untold_graphics(output, home.settings):
            engines = home.status(probe=True).installed_engines
            tell_unused_graphics(output, home.settings, engines)
        terminal = Terminal(output, home, chosen, fields)
        terminal.answer_from(collection)
        terminal.run()


class Terminal:
    """Reads what the user types, shows what the model answers."""

    def __init__(self, output: Output, home: Home, model: str, fields: dict[str, Any]) -> None:
        self._output = output
        self._home = home
        self._fields = fields
        self._images: list[bytes] = []
        self._audio: list[bytes] = []
        self._stats = "there is no question to retry yet"
        self._chat: Conversation = home.chat(model, **fields)
        self._documents: CollectionChat | None = None

    def answer_from(self, collection: str) -> None:
        """Have a collection's documents answer; empty: the model alone.

        Raises:
            NotFound: there is no such collection.
        """
        from ingle.capabilities.collections.cli.collection_chat import CollectionChat

        self._documents = (
            CollectionChat(self._output, self._home, collection) if collection else None
        )

    def run(self) -> None:
        """Until /bye or the end of input."""
        if is_interactive():
            self._output.note(f"{self._chat.model} is ready. /help lists commands, Ctrl-D quits.")
        with _line_history(self._home.settings.state_path / "chat_history"):
            while (said := self._read()) is not None:
                try:
                    said, dragged = dragged_files(said)
                    self._images += [read_image(path) for path in dragged]
                    if said.startswith("/"):
                        if not self._command(said):
                            return
                    elif said:
                        self._say(said)
                    elif dragged:
                        self._output.note("attached to the next message")
                except ContextLengthExceeded as error:
                    self._output.error(error)
                    self._output.note("(/set context N raises it; /clear forgets what was said)")
                except IngleError as error:
                    self._output.error(error)

    def _read(self) -> str | None:
        """What the user says next; None at the end."""
        try:
            line = input(">>> " if is_interactive() else "").strip()
            if not line.startswith('"""'):
                return line
            lines = [line[3:]]
            while not lines[-1].rstrip().endswith('"""'):
                lines.append(input("... " if is_interactive() else ""))
            return "\n".join(lines).rstrip().removesuffix('"""').strip()
        except EOFError:
            return None
        except UnicodeDecodeError as error:
            self._output.error(InvalidRequest(f"that is not UTF-8 text: {error}", field="stdin"))
            return ""
        except KeyboardInterrupt:
            self._output.note("\n(Ctrl-D or /bye to quit)")
            return ""

    def _say(self, said: str) -> None:
        images, self._images = self._images, []
        audio, self._audio = self._audio, []
        if self._documents is not None:
            self._say_from(self._documents, said, [*images, *audio])
            return
        fold = Fold()
        thinking = False
        try:
            for event in self._chat.events(said, images=images, audio=audio, fold=fold):
                match event:
                    case Reasoning() if not thinking and self._output.terminal:
                        thinking = True
                        self._output.note("thinking ...")
                    case Text(text=text):
                        self._output.text(text, end="")
                    case _:
                        self._output.status(event)
        except KeyboardInterrupt:
            from ingle.capabilities.chat.conversation import question

            # The work is stopped; what was said so far stays in the conversation.
            partial = fold.result()
            self._chat.messages.append(question(said, images, audio))
            self._chat.messages.append(Message(role="assistant", content=partial.text))
            self._output.note("\n(stopped)")
            return
        result = fold.result()
        self._output.text("")
        if result.choices[0].finish == "length":
            limit = limit_of(result, "max_tokens", "context")
            self._output.note(f"(truncated: raise the limit with /set {limit} N)")
        for call in result.tool_calls:
            self._output.text(f"{call.name}({call.arguments})")
        self._stats = describe(
            result.usage.prompt_tokens, result.usage.cached_tokens, result.timing
        )

    def _say_from(self, documents: CollectionChat, said: str, attached: list[bytes]) -> None:
        if attached:
            raise InvalidRequest(
                "a collection is not asked about pictures or sound", hint="/with", field="image"
            )
        messages = self._chat.messages
        try:
            answer = documents.say(self._chat.model, said, messages, self._fields)
        except KeyboardInterrupt:
            self._output.note("\n(stopped)")
            return
        if answer is not None:
            messages.append(Message(role="user", content=said))
            messages.append(Message(role="assistant", content=answer.text))
            usage = answer.usage
            self._stats = f"{usage.prompt_tokens} tokens read, {usage.cached_tokens} of them known"

    def _command(self, line: str) -> bool:
        """Perform a /command; False leaves the conversation."""
        name, _, argument = line[1:].partition(" ")
        argument = argument.strip()
        match name:
            case "bye" | "exit" | "quit":
                return False
            case "help" | "?":
                self._output.note(HELP)
            case "model":
                self._home.show(argument)
                self._renew(argument, keep=True)
            case "system":
                self._fields["system"] = argument
                self._renew(self._chat.model, keep=False)
            case "think":
                self._fields["think"] = argument != "off"
                self._renew(self._chat.model, keep=True)
            case "set":
                self._set(argument)
            case "image":
                self._images.append(read_image(Path(argument).expanduser()))
                self._output.note("attached to the next message")
            case "with":
                self.answer_from(argument)
            case "sources" if self._documents is not None:
                self._documents.sources()
            case "audio":
                self._audio.append(read_recording(Path(argument).expanduser()))
                self._output.note("attached to the next message")
            case "clear":
                self._renew(self._chat.model, keep=False)
            case "undo":
                self._undo()
            case "again":
                self._say(self._undo())
            case "save":
                self._save(argument)
            case "stats":
                self._output.note(self._stats)
            case _:
                self._output.note(f"there is no command /{name}; /help lists them")
        return True

    def _save(self, argument: str) -> None:
        import msgspec

        if not argument:
            raise InvalidRequest("/save needs a file name", hint="/save chat.json", field="save")
        try:
            Path(argument).expanduser().write_bytes(msgspec.json.encode(self._chat.messages))
        except OSError as error:
            raise InvalidRequest(f"{argument}: {error.strerror}", field="save") from None
        self._output.note(f"{len(self._chat.messages)} messages are in {argument}")

    def _set(self, argument: str) -> None:
        name, _, text = argument.partition(" ")
        from ingle.capabilities.chat.conversation import take_sampling

        if name not in (*_NUMBERS, *_WHOLE_NUMBERS):
            known = ", ".join((*_NUMBERS, *_WHOLE_NUMBERS))
            raise InvalidRequest(f"/set accepts {known}", field=name)
        try:
            value = float(text) if name in _NUMBERS else int(text)
        except ValueError:
            raise InvalidRequest(f"{name}: {text!r} is not a number", field=name) from None
        # Out of bounds is said now, not with every answer.
        given: dict[str, Any] = {name: value}
        sampling = take_sampling(given)
        question = Message(role="user", content="")
        Chat(model=self._chat.model, messages=[question], sampling=sampling, **given)
        self._fields[name] = value
        self._renew(self._chat.model, keep=True)

    def _renew(self, model: str, *, keep: bool) -> None:
        kept = [message for message in self._chat.messages if message.role != "system"]
        self._chat = self._home.chat(model, **self._fields)
        if keep:
            self._chat.messages.extend(kept)

    def _undo(self) -> str:
        """Forget the last question and all that followed; returns it."""
        messages = self._chat.messages
        for at in range(len(messages) - 1, -1, -1):
            if messages[at].role == "user":
                said = str(messages[at].text)
                self._images = [part.data for part in parts_of_kind([messages[at]], ImagePart)]
                self._audio = [part.data for part in parts_of_kind([messages[at]], AudioPart)]
                del messages[at:]
                return said
        raise InvalidRequest("there is nothing to undo", field="undo")


@contextlib.contextmanager
def _line_history(path: Path) -> Iterator[None]:
    """Line editing with a history that outlives the program, where a terminal is there."""
    if not is_interactive():
        yield
        return
    import readline

    readline.set_history_length(HISTORY_LINES)
    if path.is_file():
        readline.read_history_file(path)
    try:
        yield
    finally:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        readline.write_history_file(path)
        path.chmod(0o600)
