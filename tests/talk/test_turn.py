"""Whose turn it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingle.capabilities.talk.turn import GiveAnswer, Latency, State, StopAnswer, Turn


def said(turn: Turn, text: str, now: float = 1.0) -> GiveAnswer | None:
    turn.speech_began()
    turn.speech_ended(now - 0.5, now)
    return turn.heard(text, now + 0.2)


def spoken(turn: Turn, now: float = 1.2) -> Latency | None:
    turn.text_began(now + 0.1)
    turn.sentence_began(now + 0.3)
    return turn.sound_began(now + 0.35)


def test_a_turn_from_its_first_word_to_the_last_sound_of_the_answer() -> None:
    turn = Turn()
    assert turn.speech_began() is None
    assert turn.state is State.HEARING
    turn.speech_ended(0.5, 1.0)
    assert turn.heard("Hello there.", 1.2) == GiveAnswer("Hello there.")
    assert turn.state is State.THINKING
    latency = spoken(turn)
    assert turn.state is State.SPEAKING
    assert latency is not None
    parts = (
        latency.pause_s, latency.transcribe_s, latency.chat_s, latency.sentence_s, latency.speak_s
    )  # fmt: skip
    assert parts == pytest.approx((0.5, 0.2, 0.1, 0.2, 0.05))
    assert latency.total_s == pytest.approx(1.05)
    assert turn.sound_began(2.0) is None
    turn.answer_ended()
    assert turn.state is State.LISTENING


def test_speaking_cuts_an_answer_that_is_heard() -> None:
    turn = Turn()
    said(turn, "Tell me all.")
    spoken(turn)
    assert turn.speech_began() == StopAnswer(heard=True)
    turn.speech_ended(3.0, 3.5)
    assert turn.heard("Stop.", 3.6) == GiveAnswer("Stop.")


def test_what_is_said_before_an_answer_is_heard_is_one_turn() -> None:
    turn = Turn()
    said(turn, "What is the weather")
    assert turn.speech_began() == StopAnswer(heard=False)
    turn.speech_ended(3.0, 3.5)
    assert turn.heard("in Oslo?", 3.6) == GiveAnswer("What is the weather in Oslo?")
    assert spoken(turn, 3.6) is not None
    turn.answer_ended()
    assert said(turn, "Thanks.", 9.0) == GiveAnswer("Thanks.")


def test_a_noise_that_stopped_an_answer_before_it_was_heard_starts_it_again() -> None:
    turn = Turn()
    said(turn, "Tell me a story.")
    assert turn.speech_began() == StopAnswer(heard=False)
    turn.speech_ended(3.0, 3.5)
    assert turn.heard("  ", 3.6) == GiveAnswer("Tell me a story.")


def test_a_noise_is_not_answered() -> None:
    turn = Turn()
    assert said(turn, "") is None
    assert turn.state is State.LISTENING


def test_a_text_that_comes_when_the_next_phrase_has_begun_waits_for_it() -> None:
    turn = Turn()
    turn.speech_began()
    turn.speech_ended(0.5, 1.0)
    turn.speech_began()
    assert turn.heard("One,", 1.2) is None
    turn.speech_ended(2.0, 2.5)
    assert turn.heard("two.", 2.6) == GiveAnswer("One, two.")


STEPS = ("begin", "end", "heard", "noise", "text", "sentence", "sound", "over")


@given(st.lists(st.sampled_from(STEPS), max_size=40))
def test_whatever_happens_an_answer_is_stopped_only_if_there_is_one(steps: list[str]) -> None:
    turn, answering, now = Turn(), False, 0.0
    for step in steps:
        now += 1
        match step:
            case "begin":
                stopped = turn.speech_began()
                assert (stopped is not None) == answering
                answering = False
            case "end":
                turn.speech_ended(now - 0.5, now)
            case "heard" | "noise":
                found = turn.heard("x" if step == "heard" else "", now)
                answering = answering or found is not None
            case "text":
                turn.text_began(now)
            case "sentence":
                turn.sentence_began(now)
            case "sound":
                latency = turn.sound_began(now)
                assert latency is None or latency.total_s >= 0
            case "over":
                turn.answer_ended()
                answering = False
        assert answering == (turn.state in (State.THINKING, State.SPEAKING))
