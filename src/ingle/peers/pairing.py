"""Pairing: the one exchange that makes two keys known to each other.

It runs on one stream of a link made for `PAIR`. The link is encrypted to the
other's key already; pairing answers whether that key is whom the people mean.

With an invite::

    joiner                              inviter
    Redeem(secret, card)        ->
                                <-      Welcome(card) | Sorry(error)

With a short code, where nobody could send an invite (both on one LAN)::

    asker                               asked
    Ask(card, hash of nonce a)  ->
                                <-      Show(card, nonce b)
    Reveal(nonce a)             ->
      both show: six digits of SHA-256(both keys, both nonces)
    Confirm                     <->     Confirm        once their people agreed
                                <-      Noted          the asked one has written it down

Somebody in the middle has another key on each side, so the digits differ. The
hash binds the asker before it knows nonce b: nobody can search for nonces that
give equal digits, and guessing succeeds once in a million.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import secrets
from typing import Any, NamedTuple, TypeVar

import msgspec

from ingle.errors import IngleError, PairingRefused, PeerLost, ProtocolError, from_data
from ingle.peers.identity import Key
from ingle.peers.transport import Link, LinkError, Stream

MESSAGE_BYTES = 8 * 1024
STEP_S = 10.0
"""A program answers within this."""
PEOPLE_S = 120.0
"""People compare codes within this."""
LAST_WORD_S = 2.0
NONCE_BYTES = 16
_DOMAIN = b"ingle/pair/1\x00"


class Card(msgspec.Struct, frozen=True, array_like=True):
    """How one side introduces itself. Claims, not proofs: the key is proven by the link."""

    name: str
    places: tuple[str, ...] = ()
    relay: str = ""


class _Message(msgspec.Struct, frozen=True, array_like=True, tag_field="t"):
    """Base of the messages."""


class Redeem(_Message, frozen=True, tag="redeem"):
    """The joiner has an invite."""

    secret: bytes
    card: Card


class Welcome(_Message, frozen=True, tag="welcome"):
    """The invite was good."""

    card: Card


class Ask(_Message, frozen=True, tag="ask"):
    """The asker has no invite; its people will compare a code."""

    card: Card
    commitment: bytes


class Show(_Message, frozen=True, tag="show"):
    """The asked node plays along."""

    card: Card
    nonce: bytes


class Reveal(_Message, frozen=True, tag="reveal"):
    """What the commitment was to."""

    nonce: bytes


class Confirm(_Message, frozen=True, tag="confirm"):
    """My people say that the codes are equal."""


class Noted(_Message, frozen=True, tag="noted"):
    """You are written down: from now on you may dial me."""


class Sorry(_Message, frozen=True, tag="sorry"):
    """No, and why."""

    error: dict[str, object]


AnyMessage = Redeem | Welcome | Ask | Show | Reveal | Confirm | Noted | Sorry
M = TypeVar("M", bound=_Message)
_decoder: msgspec.msgpack.Decoder[AnyMessage] = msgspec.msgpack.Decoder(AnyMessage)
_encode = msgspec.msgpack.Encoder().encode


class Opening(NamedTuple):
    """The first message of somebody who wants to pair, and where to answer."""

    message: Redeem | Ask
    stream: Stream


async def redeem(link: Link, secret: bytes, card: Card) -> Card:
    """Join by an invite; returns the inviter's card.

    Raises:
        PairingRefused: the inviter says no.
        PeerLost: it vanished.
    """
    stream = await _open(link)
    _send(stream, Redeem(secret, card))
    try:
        return (await _receive(stream, Welcome)).card
    finally:
        stream.close()


async def ask(link: Link, own: Key, card: Card) -> Agreement:
    """Ask to pair by a short code.

    Raises:
        PairingRefused: the other side does not want to.
    """
    stream = await _open(link)
    nonce = secrets.token_bytes(NONCE_BYTES)
    _send(stream, Ask(card, hashlib.sha256(_DOMAIN + nonce).digest()))
    answer = await _receive(stream, Show)
    _send(stream, Reveal(nonce))
    code = short_code(own, link.remote, nonce, answer.nonce)
    return Agreement(stream, answer.card, code)


async def opening(link: Link) -> Opening:
    """What somebody who dialled us for pairing begins with.

    Raises:
        ProtocolError, PeerLost
    """
    try:
        async with asyncio.timeout(STEP_S):
            stream = await link.accept()
    except (LinkError, TimeoutError):
        raise PeerLost("a device that wanted to pair vanished") from None
    message = await _any(stream)
    if not isinstance(message, (Redeem, Ask)):
        raise ProtocolError("pairing begins with an invite's secret or a question")
    return Opening(message, stream)


async def answer(opening: Opening, link: Link, own: Key, card: Card) -> Agreement:
    """Play along with an `Ask`.

    Raises:
        ProtocolError: what is revealed is not what was committed to.
    """
    assert isinstance(opening.message, Ask)
    nonce = secrets.token_bytes(NONCE_BYTES)
    _send(opening.stream, Show(card, nonce))
    revealed = (await _receive(opening.stream, Reveal)).nonce
    committed = hashlib.sha256(_DOMAIN + revealed).digest()
    if not hmac.compare_digest(committed, opening.message.commitment):
        raise ProtocolError("the other side changed its nonce after it had bound itself")
    code = short_code(link.remote, own, revealed, nonce)
    return Agreement(opening.stream, opening.message.card, code)


async def welcome(opening: Opening, card: Card) -> None:
    """The invite was good."""
    await _last_word(opening.stream, Welcome(card))


async def refuse(opening: Opening, error: IngleError) -> None:
    """Say no, and why."""
    await _last_word(opening.stream, Sorry(error.to_data()))


def short_code(asker: Key, asked: Key, nonce_a: bytes, nonce_b: bytes) -> str:
    """Six digits that are equal on both sides if nobody is between them."""
    digest = hashlib.sha256(_DOMAIN + asker + asked + nonce_a + nonce_b).digest()
    return f"{int.from_bytes(digest[:8], 'big') % 1_000_000:06}"


class Agreement:
    """Both sides show the code; each waits for its own people and for the other."""

    def __init__(self, stream: Stream, card: Card, code: str) -> None:
        self._stream = stream
        self.card = card
        """The other side's."""
        self.code = code
        self.decided: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        """Set to what our people say."""

    def decide(self, equal: bool) -> None:
        """Our people have compared the codes."""
        if not self.decided.done():
            self.decided.set_result(equal)

    async def both(self) -> None:
        """Return once both sides' people have confirmed.

        Raises:
            PairingRefused: one said no, or nobody said anything in time.
            PeerLost: the other side vanished.
        """
        theirs = asyncio.ensure_future(_receive(self._stream, Confirm, PEOPLE_S + STEP_S))
        try:
            either: set[asyncio.Future[Any]] = {theirs, self.decided}
            await asyncio.wait(either, timeout=PEOPLE_S, return_when=asyncio.FIRST_COMPLETED)
            if theirs.done():
                theirs.result()
            async with asyncio.timeout(PEOPLE_S):
                equal = await asyncio.shield(self.decided)
            if not equal:
                no = PairingRefused("the codes differ: somebody may be between the two devices")
                await _last_word(self._stream, Sorry(no.to_data()))
                raise no
            _send(self._stream, Confirm())
            await theirs
        except TimeoutError:
            no = PairingRefused(f"nobody confirmed the code within {PEOPLE_S:.0f} s")
            await _last_word(self._stream, Sorry(no.to_data()))
            raise no from None
        except IngleError:
            self._stream.close()
            raise
        finally:
            theirs.cancel()
            await asyncio.gather(theirs, return_exceptions=True)

    async def noted(self) -> None:
        """For the asker: return once the other side has written us down."""
        try:
            await _receive(self._stream, Noted)
        finally:
            self._stream.close()

    async def note(self) -> None:
        """For the asked: say that we have written the asker down."""
        await _last_word(self._stream, Noted())


async def _open(link: Link) -> Stream:
    try:
        return await link.open()
    except LinkError as error:
        raise PeerLost(f"the other device vanished while pairing: {error}") from None


def _send(stream: Stream, message: _Message) -> None:
    body = _encode(message)
    stream.send(len(body).to_bytes(2, "big") + body)


async def _last_word(stream: Stream, message: _Message) -> None:
    """Say something, and wait until the other side has hung up: it has read it then."""
    _send(stream, message)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LAST_WORD_S):
            await stream.receive()
    stream.close()


async def _receive(stream: Stream, kind: type[M], seconds: float = STEP_S) -> M:
    message = await _any(stream, seconds)
    if isinstance(message, Sorry):
        raise from_data(message.error)
    if not isinstance(message, kind):
        raise ProtocolError(f"{type(message).__name__} came where {kind.__name__} belongs")
    return message


async def _any(stream: Stream, seconds: float = STEP_S) -> AnyMessage:
    try:
        async with asyncio.timeout(seconds):
            size = int.from_bytes(await stream.receive_exactly(2), "big")
            if size > MESSAGE_BYTES:
                raise ProtocolError(f"a pairing message of {size} bytes is over {MESSAGE_BYTES}")
            return _decoder.decode(await stream.receive_exactly(size))
    except LinkError as error:
        raise PeerLost(f"the other device vanished while pairing: {error}") from None
    except TimeoutError:
        raise PairingRefused(f"the other device did not answer within {seconds:.0f} s") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(f"the other device sent bytes that are no message: {error}") from None
