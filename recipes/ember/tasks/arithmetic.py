"""Arithmetic with units, dates, money and time; short reasoning when thinking is on."""

from __future__ import annotations

import calendar
import datetime
from collections.abc import Callable

from .. import tables
from ..chat import Conversation
from .draw import NAMES, Draw, long_date
from .facts import Facts
from .phrasing import wrapped
from .structured import answer

LISTS = tables.lists("arithmetic")
Problem = tuple[str, str, str]  # question, reasoning, answer


def asked(d: Draw, kind: str, **values: object) -> str:
    return str(d.of(LISTS.questions[kind]).format(**values))


def long_sum(a: int, b: int) -> str:
    """Column by column, from the right, with the carry: the way a small model can follow."""
    steps, carry, result = [], 0, ""
    width = max(len(str(a)), len(str(b)))
    for p, q in zip(f"{a:0{width}}"[::-1], f"{b:0{width}}"[::-1], strict=True):
        total = int(p) + int(q) + carry
        steps.append(f"{p}+{q}{'+1' if carry else ''}={total}")
        carry = total // 10
        result = str(total % 10) + result
    return ", ".join(steps) + f" -> {'1' if carry else ''}{result}"


def multiplied(a: int, b: int) -> str:
    """Digit times b, then added up."""
    parts, running, steps = [], 0, []
    for place, digit in enumerate(str(a)[::-1]):
        value = int(digit) * b * 10**place
        if digit != "0":
            parts.append(f"{int(digit) * 10**place}*{b}={value}")
            if running:
                steps.append(f"{running}+{value}={running + value}")
            running += value
    return ", ".join(parts + steps)


def convert(d: Draw) -> Problem:
    # What a unit is must be known, so none is held out.
    large, small, factor = d.any(LISTS.units)
    if d.chance(0.6):
        n = d.number(2, 99 if factor > 99 else 60)
        reasoning = f"1 of the {large} is {factor} {small}. {n}*{factor}: {multiplied(n, factor)}"
        return asked(d, "to_smaller", s=small, l=large, n=n), reasoning, f"{n * factor} {small}"
    n = d.number(2, 60)
    reasoning = f"{factor} {small} are 1 of the {large}. {n * factor}/{factor}={n}"
    return asked(d, "to_larger", s=small, l=large, n=n * factor), reasoning, f"{n} {large}"


def plus_minus(d: Draw) -> Problem:
    a, b = d.quantity(), d.quantity()
    if d.chance(0.55):
        return asked(d, "plus", a=a, b=b), long_sum(a, b), str(a + b)
    a, b = max(a, b), min(a, b)
    reasoning = f"{b}+?={a}. {long_sum(b, a - b)}, so {a - b}"
    return asked(d, "minus", a=a, b=b), reasoning, str(a - b)


def times(d: Draw) -> Problem:
    a, b = d.number(2, 99), d.number(2, 12)
    return asked(d, "times", a=a, b=b), multiplied(a, b), str(a * b)


def shopping(d: Draw) -> Problem:
    fruit, n, price = d.plural(), d.number(2, 20), d.number(2, 30)
    plan = d.of(LISTS.questions["shopping"])
    question = plan.format(w=d.name(), n=n, f=fruit, p=price)
    return question, f"{n}*{price}: {multiplied(n, price)}", f"{n * price} cents"


def later(d: Draw) -> Problem:
    start, delay = d.number(0, 23 * 60), d.number(1, 24) * 5
    end = (start + delay) % 1440
    begin, finish = f"{start // 60:02d}:{start % 60:02d}", f"{end // 60:02d}:{end % 60:02d}"
    added = start % 60 + delay
    hours, minutes = divmod(added, 60)
    reasoning = f"minutes {start % 60}+{delay}={added} = {hours} h {minutes} min. "
    reasoning += f"hours {start // 60}+{hours}={start // 60 + hours}"
    if start // 60 + hours > 23:
        reasoning += f"-24={end // 60}"
    return asked(d, "later", m=delay, b=begin), reasoning, finish


def days_later(d: Draw) -> Problem:
    date, n = d.day(), d.number(1, 60)
    end = date + datetime.timedelta(days=n)
    day, month, year = date.day + n, date.month, date.year
    steps = [f"{date.day}+{n}={day}"]
    while day > (length := calendar.monthrange(year, month)[1]):
        steps.append(f"{NAMES.months[month - 1]} has {length}: {day}-{length}={day - length}")
        day, month = day - length, month + 1
        if month == 13:
            month, year = 1, year + 1
    reasoning = ". ".join(steps) + f". {day} {NAMES.months[month - 1]} {year}"
    return asked(d, "days_later", n=n, a=long_date(date)), reasoning, long_date(end)


def weekday_later(d: Draw) -> Problem:
    day, n = d.number(0, 6), d.number(1, 40)
    week = NAMES.weekdays
    rest = n % 7
    walk = " ".join(week[(day + i) % 7] for i in range(rest + 1))
    reasoning = f"{n} = {n // 7}*7 + {rest}. {walk}"
    return asked(d, "weekday_later", a=week[day], n=n), reasoning, week[(day + rest) % 7]


def days_between(d: Draw) -> Problem:
    month, year = d.number(1, 12), d.number(2000, 2037)
    first, last = sorted(d.rng.sample(range(1, 29), 2))
    a, b = (long_date(datetime.date(year, month, day)) for day in (first, last))
    reasoning = f"same month: {last}-{first}={last - first}"
    return asked(d, "days_between", a=a, b=b), reasoning, f"{last - first} days"


PROBLEMS: list[Callable[[Draw], Problem]] = [
    convert, plus_minus, times, shopping, later, days_later, weekday_later, days_between
]  # fmt: skip
DATES_AND_UNITS = (convert, later, days_later, weekday_later, days_between)


def calculation(d: Draw, facts: Facts) -> Conversation:
    question, reasoning, result = d.any(PROBLEMS)(d)
    return answer(d, wrapped(d, question), result, reasoning if d.chance(0.6) else None)
