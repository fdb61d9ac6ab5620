"""Pairing: the one exchange that makes two keys known to each other.

It runs on one stream of a link made for `PAIR`. The link is encrypted to the
other's key already; pairing answers whether that key is whom the people mean.

With an invite::

    joiner                              inviter
    RedeemInvite(secret, card)  ->
                                <-      InviteAccepted(card) | PairingRejected(error)

With a short code, where no one could send an invite (both on one LAN)::

    asker                               asked
    PairingRequest(card, hash of nonce a)  ->
                                <-      PairingResponse(card, nonce b)
    RevealNonce(nonce a)        ->
      both show: six digits of SHA-256(both keys, both nonces)
    CodesMatch                  <->     CodesMatch     once their people agreed
                                <-      PairingAccepted        the asked device has stored the key

Someone in the middle has another key on each side, so the digits differ. The
hash binds the asker before it knows nonce b: no one can search for nonces that
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


class PairingCard(msgspec.Struct, frozen=True, array_like=True):
    """How one side introduces itself. Claims, not proofs: the key is proven by the link."""

    name: str
    places: tuple[str, ...] = ()
    relay: str = ""


class _Message(msgspec.Struct, frozen=True, array_like=True, tag_field="t"):
    """Base of the messages."""


class RedeemInvite(_Message, frozen=True, tag="redeem"):
    """The joiner has an invite."""

    secret: bytes
    card: PairingCard


class InviteAccepted(_Message, frozen=True, tag="welcome"):
    """The invite was good."""

    card: PairingCard


class PairingRequest(_Message, frozen=True, tag="ask"):
    """The asker has no invite; its people will compare a code."""

    card: PairingCard
    commitment: bytes


class PairingResponse(_Message, frozen=True, tag="show"):
    """The asked node takes part."""

    card: PairingCard
    nonce: bytes


class RevealNonce(_Message, frozen=True, tag="reveal"):
    """What the commitment was to."""

    nonce: bytes


class CodesMatch(_Message, frozen=True, tag="confirm"):
    """My people say that the codes are equal."""


class PairingAccepted(_Message, frozen=True, tag="noted"):
    """The pairing is stored: from now on you may connect."""


class PairingRejected(_Message, frozen=True, tag="sorry"):
    """No, and why."""

    error: dict[str, object]


AnyMessage = (
    RedeemInvite
    | InviteAccepted
    | PairingRequest
    | PairingResponse
    | RevealNonce
    | CodesMatch
    | PairingAccepted
    | PairingRejected
)
M = TypeVar("M", bound=_Message)
_decoder: msgspec.msgpack.Decoder[AnyMessage] = msgspec.msgpack.Decoder(AnyMessage)
_encode = msgspec.msgpack.Encoder().encode


class PairingAttempt(NamedTuple):
    """The first message of someone who wants to pair, and where to answer."""

    message: RedeemInvite | PairingRequest
    stream: Stream


async def redeem(link: Link, secret: bytes, card: PairingCard) -> PairingCard:
    """Join by an invite; returns the inviter's card.

    Raises:
        PairingRefused: the inviter says no.
        PeerLost: it disappeared.
    """
    stream = await _open(link)
    _send(stream, RedeemInvite(secret, card))
    try:
        return (await _receive(stream, InviteAccepted)).card
    finally:
        stream.close()


async def ask(link: Link, own: Key, card: PairingCard) -> CodeComparison:
    """Ask to pair by a short code.

    Raises:
        PairingRefused: the other side does not want to.
    """
    stream = await _open(link)
    nonce = secrets.token_bytes(NONCE_BYTES)
    _send(stream, PairingRequest(card, hashlib.sha256(_DOMAIN + nonce).digest()))
    answer = await _receive(stream, PairingResponse)
    _send(stream, RevealNonce(nonce))
    code = short_code(own, link.remote, nonce, answer.nonce)
    return CodeComparison(stream, answer.card, code)


async def opening(link: Link) -> PairingAttempt:
    """What someone who dialled us for pairing begins with.

    Raises:
        ProtocolError, PeerLost
    """
    try:
        async with asyncio.timeout(STEP_S):
            stream = await link.accept()
    except (LinkError, TimeoutError):
        raise PeerLost("a device that was pairing disconnected") from None
    message = await _any(stream)
    if not isinstance(message, (RedeemInvite, PairingRequest)):
        raise ProtocolError("pairing must start with an invite or a pairing request")
    return PairingAttempt(message, stream)


async def answer(
    opening: PairingAttempt, link: Link, own: Key, card: PairingCard
) -> CodeComparison:
    """Play along with an `PairingRequest`.

    Raises:
        ProtocolError: what is revealed is not what was committed to.
    """
    assert isinstance(opening.message, PairingRequest)
    nonce = secrets.token_bytes(NONCE_BYTES)
    _send(opening.stream, PairingResponse(card, nonce))
    revealed = (await _receive(opening.stream, RevealNonce)).nonce
    committed = hashlib.sha256(_DOMAIN + revealed).digest()
    if not hmac.compare_digest(committed, opening.message.commitment):
        raise ProtocolError("the other device changed its nonce after committing to it")
    code = short_code(link.remote, own, revealed, nonce)
    return CodeComparison(opening.stream, opening.message.card, code)


async def accept_invite(opening: PairingAttempt, card: PairingCard) -> None:
    """The invite was good."""
    await _send_last(opening.stream, InviteAccepted(card))


async def refuse(opening: PairingAttempt, error: IngleError) -> None:
    """Say no, and why."""
    await _send_last(opening.stream, PairingRejected(error.to_data()))


def short_code(asker: Key, asked: Key, nonce_a: bytes, nonce_b: bytes) -> str:
    """Six digits that are equal on both sides if no one is between them."""
    digest = hashlib.sha256(_DOMAIN + asker + asked + nonce_a + nonce_b).digest()
    return f"{int.from_bytes(digest[:8], 'big') % 1_000_000:06}"


class CodeComparison:
    """Both sides show the code; each waits for its own people and for the other."""

    def __init__(self, stream: Stream, card: PairingCard, code: str) -> None:
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
            PairingRefused: one said no, or no one said anything in time.
            PeerLost: the other side disappeared.
        """
        theirs = asyncio.ensure_future(_receive(self._stream, CodesMatch, PEOPLE_S + STEP_S))
        try:
            either: set[asyncio.Future[Any]] = {theirs, self.decided}
            await asyncio.wait(either, timeout=PEOPLE_S, return_when=asyncio.FIRST_COMPLETED)
            if theirs.done():
                theirs.result()
            async with asyncio.timeout(PEOPLE_S):
                equal = await asyncio.shield(self.decided)
            if not equal:
                no = PairingRefused("the codes differ: the connection may be intercepted")
                await _send_last(self._stream, PairingRejected(no.to_data()))
                raise no
            _send(self._stream, CodesMatch())
            await theirs
        except TimeoutError:
            no = PairingRefused(f"the code was not confirmed within {PEOPLE_S:.0f} s")
            await _send_last(self._stream, PairingRejected(no.to_data()))
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
            await _receive(self._stream, PairingAccepted)
        finally:
            self._stream.close()

    async def note(self) -> None:
        """For the asked: say that we have written the asker down."""
        await _send_last(self._stream, PairingAccepted())


async def _open(link: Link) -> Stream:
    try:
        return await link.open()
    except LinkError as error:
        raise PeerLost(f"the other device disconnected while pairing: {error}") from None


def _send(stream: Stream, message: _Message) -> None:
    body = _encode(message)
    stream.send(len(body).to_bytes(2, "big") + body)


async def _send_last(stream: Stream, message: _Message) -> None:
    """Send a last message, and wait until the other side closes: it has read it then."""
    _send(stream, message)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LAST_WORD_S):
            await stream.receive()
    stream.close()


async def _receive(stream: Stream, kind: type[M], seconds: float = STEP_S) -> M:
    message = await _any(stream, seconds)
    if isinstance(message, PairingRejected):
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
        raise PeerLost(f"the other device disconnected while pairing: {error}") from None
    except TimeoutError:
        raise PairingRefused(f"the other device did not answer within {seconds:.0f} s") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(f"the other device sent an invalid message: {error}") from None
