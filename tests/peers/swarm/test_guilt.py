"""Who is to blame for a wrong piece."""

from __future__ import annotations

from ingle.peers.swarm.guilt import Guilt

DESK, LIAR = 5001, 5002


def test_who_sent_all_of_a_piece_is_to_blame() -> None:
    guilt = Guilt(1000, 256)
    guilt.sent(LIAR, 200, 600)
    assert guilt.judge(1) == LIAR
    assert guilt.judge(0) is None  # the rest was there before, or came from elsewhere
    guilt.sent(LIAR, 768, 900)
    guilt.sent(LIAR, 900, 1000)
    assert guilt.judge(3) == LIAR  # the last piece is a short one


def test_who_finished_what_another_began_is_not() -> None:
    guilt = Guilt(1000, 256)
    guilt.sent(LIAR, 0, 100)
    guilt.sent(DESK, 0, 256)
    assert guilt.judge(0) is None
    guilt.sent(DESK, 0, 256)
    assert guilt.judge(0) == DESK  # anew, and all its own


def test_of_a_piece_that_nobody_sent_nobody_is_to_blame() -> None:
    assert Guilt(1000, 256).judge(2) is None
