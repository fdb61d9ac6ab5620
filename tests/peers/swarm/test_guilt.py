"""Who is to blame for a wrong piece."""

from __future__ import annotations

from ingle.peers.swarm.piece_blame import PieceBlame

DESK, LIAR = 5001, 5002


def test_who_sent_all_of_a_piece_is_to_blame() -> None:
    blame = PieceBlame(1000, 256)
    blame.sent(LIAR, 200, 600)
    assert blame.judge(1) == LIAR
    assert blame.judge(0) is None  # the rest was there before, or came from elsewhere
    blame.sent(LIAR, 768, 900)
    blame.sent(LIAR, 900, 1000)
    assert blame.judge(3) == LIAR  # the last piece is a short one


def test_who_finished_what_another_began_is_not() -> None:
    blame = PieceBlame(1000, 256)
    blame.sent(LIAR, 0, 100)
    blame.sent(DESK, 0, 256)
    assert blame.judge(0) is None
    blame.sent(DESK, 0, 256)
    assert blame.judge(0) == DESK  # again, and all its own


def test_of_a_piece_that_nobody_sent_nobody_is_to_blame() -> None:
    assert PieceBlame(1000, 256).judge(2) is None
