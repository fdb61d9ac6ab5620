"""A spoken conversation: what is heard becomes text, text an answer, the answer sound.

Each stage is an operation of its own, performed by this node or wherever `TalkPlaces` says. They
run at once: the next phrase is heard while an answer is spoken, and an answer is spoken while it is
written.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Sequence
from contextlib import aclosing

import msgspec

from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.node.operation import Load, Loaded
from ingle.capabilities.speak.operation import Speak, SpeakingSentence, SpokenAudio, TextPiece
from ingle.capabilities.talk.turn import Act, GiveAnswer, Latency, StopAnswer, Turn
from ingle.capabilities.transcribe.operation import SpeechTurn, Transcribe, TranscriptSegment
from ingle.errors import EngineFault, IngleError, InvalidRequest
from ingle.node.node import Node, ask
from ingle.operations import Fold, Message, Sampling, Text, Tool, ToolCall
from ingle.operations.operation import Bytes
from ingle.sound.encode import HEADER_BYTES, SAMPLE_BYTES, wav_rate
from ingle.sound.loudspeaker import Speaker

MOST_CALLS = 8
"""Rounds of tool calls in one answer."""
MOST_RESULT = 1 << 16
"""Characters of a tool's result that the model is shown."""
CallTool = Callable[[ToolCall], Awaitable[str]]


class Heard(msgspec.Struct, frozen=True, kw_only=True, tag="heard", tag_field="talk"):
    """What the user said, until the pause that ended it."""

    text: str


class AnswerText(msgspec.Struct, frozen=True, kw_only=True, tag="text", tag_field="talk"):
    """A piece of the answer, as it is written."""

    text: str


class ToolCalled(msgspec.Struct, frozen=True, kw_only=True, tag="tool", tag_field="talk"):
    """The model had a tool called."""

    name: str
    arguments: str
    result: str


class AnswerHeard(msgspec.Struct, frozen=True, kw_only=True, tag="first_sound", tag_field="talk"):
    """The first sound of an answer: where the time since the user's last word went, in seconds."""

    pause_s: float
    transcribe_s: float
    chat_s: float
    sentence_s: float
    speak_s: float
    total_s: float


class AnswerOver(msgspec.Struct, frozen=True, kw_only=True, tag="answer", tag_field="talk"):
    """An answer was heard, or stopped by the user's next words."""

    text: str
    """What was spoken of it."""
    interrupted: bool = False


TalkEvent = Heard | AnswerText | ToolCalled | AnswerHeard | AnswerOver


@dataclasses.dataclass(frozen=True, kw_only=True)
class TalkPlan:
    """Who does what in a conversation.

    Args:
        transcribe_on, chat_on, speak_on: places, as `ModelOperation.on` has them.
        silence_ms: the pause that ends what the user says.
        tools: what the model may have called; ``call`` does it.
        sound_rate: samples per second of what is heard: mono, 16 bits, little-endian.
    """

    transcribe_model: str
    chat_model: str
    speech_model: str
    transcribe_on: str = ""
    chat_on: str = ""
    speak_on: str = ""
    voice: str = ""
    language: str = ""
    speed: float = 1.0
    system: str = ""
    max_tokens: int | None = None
    sampling: Sampling | None = None
    silence_ms: int = 500
    tools: tuple[Tool, ...] = ()
    call: CallTool | None = None
    sound_rate: int = 16_000


class Talking:
    """One conversation.

    Args:
        speaker: plays the answers; the caller closes it.
        clock: seconds, as the sound passes.
    """

    def __init__(
        self,
        node: Node,
        plan: TalkPlan,
        speaker: Speaker,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._node = node
        self._plan = plan
        self._speaker = speaker
        self._clock = clock
        self._turn = Turn()
        self._told: asyncio.Queue[TalkEvent | BaseException | None] = asyncio.Queue()
        self._answer: asyncio.Task[None] | None = None
        self._asked_at = 0
        """Where in the messages the answer under way begins, with what it answers."""
        self._failed: IngleError | None = None
        """Why the text of the answer under way has ended, if it failed."""
        self._began = 0.0
        """When the first sound was heard."""
        self.messages: list[Message] = []
        """What was said, by both; of an answer that was cut, what was heard of it."""
        if plan.system:
            self.messages.append(Message(role="system", content=plan.system))

    async def events(self, sound: AsyncIterable[bytes]) -> AsyncGenerator[TalkEvent, None]:
        """Talk until the sound ends and the last answer was heard. Closing the iterator ends it.

        Raises:
            IngleError: a stage failed.
        """
        listening = asyncio.create_task(self._listen(sound))
        loading = [asyncio.create_task(self._load(model)) for model in self._models_here()]
        try:
            while (told := await self._told.get()) is not None:
                if isinstance(told, BaseException):
                    raise told
                yield told
        finally:
            tasks = [task for task in (listening, self._answer, *loading) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._speaker.stop()

    def _models_here(self) -> list[str]:
        """What is loaded while the user still speaks."""
        plan = self._plan
        stages = ((plan.chat_model, plan.chat_on), (plan.speech_model, plan.speak_on))
        return [model for model, place in stages if place in ("", "local")]

    async def _load(self, model: str) -> None:
        with contextlib.suppress(IngleError):  # it may be elsewhere; if not, its stage says so
            await ask(self._node, Load(model=model), Loaded)

    async def _listen(self, sound: AsyncIterable[bytes]) -> None:
        try:
            plan = self._plan
            request = Transcribe(
                model=plan.transcribe_model,
                on=plan.transcribe_on,
                rate=plan.sound_rate,
                language=plan.language.partition("-")[0].lower(),
                silence_ms=plan.silence_ms,
                partial_ms=None,
            )
            async with self._node.perform(request, self._pieces(sound)) as events:
                async for event in events:
                    match event:
                        case SpeechTurn(state="started"):
                            await self._do(self._turn.speech_began())
                        case SpeechTurn(state="ended", at_s=at_s):
                            self._turn.speech_ended(self._began + at_s, self._clock())
                        case TranscriptSegment(final=True, text=text):
                            await self._do(self._turn.heard(text, self._clock()))
            if self._answer is not None:
                await self._answer
        except Exception as error:  # carried over to the one who iterates
            self._told.put_nowait(error)
        else:
            self._told.put_nowait(None)

    async def _pieces(self, sound: AsyncIterable[bytes]) -> AsyncGenerator[Bytes, None]:
        begun = False
        async for data in sound:
            if not begun:
                begun = True
                seconds = len(data) / SAMPLE_BYTES / self._plan.sound_rate
                self._began = self._clock() - seconds
            yield Bytes(data=data)

    async def _do(self, act: Act | None) -> None:
        if act is None:
            return
        await self._stop_answer(heard=isinstance(act, StopAnswer) and act.heard)
        if isinstance(act, GiveAnswer):
            self._told.put_nowait(Heard(text=act.text))
            self._asked_at = len(self.messages)
            self.messages.append(Message(role="user", content=act.text))
            self._answer = asyncio.create_task(self._answered())

    async def _stop_answer(self, *, heard: bool) -> None:
        """Stop the answer under way. One of which nothing was heard was never asked for."""
        task, self._answer = self._answer, None
        if task is None or task.done():
            return
        self._speaker.stop()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if not heard:
            del self.messages[self._asked_at :]

    async def _answered(self) -> None:
        self._failed = None
        speech = _Speech(self._speaker)
        try:
            await self._speak(speech)
            await self._speaker.played()
        except asyncio.CancelledError:
            if said := speech.heard():
                last = self.messages[-1]
                if last.role == "assistant" and not last.tool_calls:
                    self.messages.pop()  # it was written, but not heard to its end
                self.messages.append(Message(role="assistant", content=said))
                self._told.put_nowait(AnswerOver(text=said, interrupted=True))
            raise
        except IngleError as error:
            self._told.put_nowait(error)
            return
        self._turn.answer_ended()
        self._told.put_nowait(AnswerOver(text=speech.text))

    async def _speak(self, speech: _Speech) -> None:
        plan = self._plan
        request = Speak(
            model=plan.speech_model,
            on=plan.speak_on,
            voice=plan.voice,
            language=plan.language,
            speed=plan.speed,
        )
        writing = self._written()
        try:
            async with self._node.perform(request, writing) as events:
                async for event in events:
                    if isinstance(event, SpeakingSentence):
                        self._turn.sentence_began(self._clock())
                        speech.add_sentence(event)
                    elif isinstance(event, SpokenAudio):
                        self._tell_latency(self._turn.sound_began(self._clock()))
                        await speech.play(event.data)
        except InvalidRequest as error:
            if error.details.get("field") != "text":  # else nothing was written that can be spoken
                raise
        if self._failed is not None:
            raise self._failed

    def _tell_latency(self, latency: Latency | None) -> None:
        if latency is not None:
            parts = {name: round(value, 3) for name, value in dataclasses.asdict(latency).items()}
            self._told.put_nowait(AnswerHeard(**parts, total_s=round(latency.total_s, 3)))

    async def _written(self) -> AsyncGenerator[TextPiece, None]:
        """The answer's text as it is written, tools and all."""
        try:
            for _ in range(MOST_CALLS):
                fold = Fold()
                async with aclosing(self._round(fold)) as texts:
                    async for text in texts:
                        yield TextPiece(text=text)
                if not await self._called(fold.result().choices[0].tool_calls):
                    return
        except IngleError as error:  # what ends a feed does not reach the one who asked
            self._failed = error

    async def _round(self, fold: Fold) -> AsyncGenerator[str, None]:
        """The text of one answer of the model, which joins the messages when it is whole."""
        plan = self._plan
        request = Chat(
            model=plan.chat_model,
            messages=list(self.messages),
            on=plan.chat_on,
            tools=list(plan.tools),
            max_tokens=plan.max_tokens,
            sampling=plan.sampling or Sampling(),
        )
        async with self._node.perform(request) as events:
            async for event in events:
                fold.add(event)
                if isinstance(event, Text) and event.text:
                    self._turn.text_began(self._clock())
                    self._told.put_nowait(AnswerText(text=event.text))
                    yield event.text
        if not fold.result().choices:
            raise EngineFault("the answer ended early", hint="ingle logs")
        choice = fold.result().choices[0]
        self.messages.append(
            Message(role="assistant", content=choice.text, tool_calls=choice.tool_calls)
        )

    async def _called(self, calls: Sequence[ToolCall]) -> bool:
        """Have tools called; False: none was asked for."""
        if self._plan.call is None:
            return False
        for call in calls:
            result = (await self._plan.call(call))[:MOST_RESULT]
            self._told.put_nowait(
                ToolCalled(name=call.name, arguments=call.arguments, result=result)
            )
            self.messages.append(Message(role="tool", tool_call_id=call.id, content=result))
        return bool(calls)


class _Speech:
    """The sound of one answer, and how much of it was heard."""

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker
        self._sentences: list[SpeakingSentence] = []
        self._header = b""
        self._rate = 0
        self._played = 0
        self._heard = False

    @property
    def text(self) -> str:
        """All sentences."""
        return " ".join(sentence.text for sentence in self._sentences)

    def add_sentence(self, sentence: SpeakingSentence) -> None:
        self._sentences.append(sentence)

    async def play(self, data: bytes) -> None:
        """The next bytes of a WAV file."""
        if not self._rate:
            self._header += data
            if len(self._header) < HEADER_BYTES:
                return
            self._rate = wav_rate(self._header)
            data = self._header[HEADER_BYTES:]
        self._heard = True
        await self._speaker.play(data, self._rate)
        self._played += len(data) // SAMPLE_BYTES

    def heard(self) -> str:
        """The sentences of which some was heard."""
        if not self._heard:
            return ""
        until = self._played / self._rate
        return " ".join(s.text for s in self._sentences if s.start_s <= until)
