"""Arithmetic with units, dates, money and time; short reasoning when thinking is on."""
# ruff: noqa: E501 (a table is read by rows)

from __future__ import annotations

import datetime
from collections.abc import Callable

from ..chat import Conversation
from .draw import MONTHS, WEEKDAYS, Draw, long_date
from .facts import Facts
from .phrasing import wrapped
from .structured import answer
from .words import plural

# larger unit, smaller unit, how many of the smaller are one of the larger
UNITS = [
    ("hours", "minutes", 60), ("minutes", "seconds", 60), ("days", "hours", 24), ("weeks", "days", 7), ("kilometres", "metres", 1000),
    ("metres", "centimetres", 100), ("kilograms", "grams", 1000), ("tonnes", "kilograms", 1000), ("litres", "millilitres", 1000), ("MiB", "KiB", 1024),
    ("GiB", "MiB", 1024), ("TiB", "GiB", 1024), ("years", "months", 12), ("dozens", "pieces", 12), ("feet", "inches", 12),
    ("metres", "millimetres", 1000), ("bytes", "bits", 8), ("euros", "cents", 100), ("yards", "feet", 3), ("centuries", "years", 100),
]  # fmt: skip
DAYS_IN = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
Problem = tuple[str, str, str]  # question, reasoning, answer


def long_sum(a: int, b: int) -> str:
    """Column by column, from the right, with the carry: the way a small model can follow."""
    steps, carry, result = [], 0, ""
    x, y = str(a)[::-1], str(b)[::-1]
    for i in range(max(len(x), len(y))):
        p, q = int(x[i]) if i < len(x) else 0, int(y[i]) if i < len(y) else 0
        total = p + q + carry
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
    large, small, factor = d.any(UNITS)  # what a unit is must be known, so none is held out
    if d.chance(0.6):
        n = d.number(2, 99 if factor > 99 else 60)
        question = d.of(
            [
                "How many {s} are {n} {l}?",
                "Convert {n} {l} to {s}.",
                "{n} {l} in {s}?",
                "What is {n} {l} in {s}?",
                "Express {n} {l} in {s}.",
                "How many {s} do {n} {l} make?",
                "{n} {l} are how many {s}?",
                "I have {n} {l}. How many {s} is that?",
                "Give {n} {l} in {s}.",
                "What are {n} {l} in {s}?",
                "How much is {n} {l} in {s}?",
                "Change {n} {l} into {s}.",
                "Write {n} {l} as {s}.",
                "{n} {l} = ? {s}",
                "Convert to {s}: {n} {l}",
            ]
        )
        return (
            question.format(s=small, l=large, n=n),
            f"1 of the {large} is {factor} {small}. {n}*{factor}: {multiplied(n, factor)}",
            f"{n * factor} {small}",
        )
    n = d.number(2, 60)
    question = d.of(
        [
            "How many {l} are {n} {s}?",
            "Convert {n} {s} to {l}.",
            "{n} {s} in {l}?",
            "What is {n} {s} in {l}?",
            "Express {n} {s} in {l}.",
            "How many {l} do {n} {s} make?",
            "{n} {s} are how many {l}?",
            "I have {n} {s}. How many {l} is that?",
            "Give {n} {s} in {l}.",
            "What are {n} {s} in {l}?",
            "How much is {n} {s} in {l}?",
            "Change {n} {s} into {l}.",
            "Write {n} {s} as {l}.",
            "{n} {s} = ? {l}",
            "Convert to {l}: {n} {s}",
        ]
    )
    return (
        question.format(s=small, l=large, n=n * factor),
        f"{factor} {small} are 1 of the {large}. {n * factor}/{factor}={n}",
        f"{n} {large}",
    )


def plus_minus(d: Draw) -> Problem:
    a, b = d.number(1, 10 ** d.number(1, 4)), d.number(1, 10 ** d.number(1, 4))
    if d.chance(0.55):
        question = d.of(
            [
                "What is {a} + {b}?",
                "{a} plus {b}?",
                "Add {a} and {b}.",
                "{a} + {b} =",
                "Sum of {a} and {b}?",
                "How much is {a} and {b} together?",
                "{a}+{b}?",
                "Calculate {a} + {b}.",
                "What do {a} and {b} make?",
                "What is {a} plus {b}?",
                "Compute {a} + {b}.",
                "Total of {a} and {b}?",
                "What is the sum of {a} and {b}?",
                "{a} and {b} make how much?",
                "Work out {a} + {b}.",
            ]
        )
        return question.format(a=a, b=b), long_sum(a, b), str(a + b)
    a, b = max(a, b), min(a, b)
    question = d.of(
        [
            "What is {a} - {b}?",
            "{a} minus {b}?",
            "Subtract {b} from {a}.",
            "{a} - {b} =",
            "Difference of {a} and {b}?",
            "Take {b} away from {a}.",
            "{a}-{b}?",
            "Calculate {a} - {b}.",
            "What is left of {a} without {b}?",
            "What is {a} minus {b}?",
            "Compute {a} - {b}.",
            "How much more is {a} than {b}?",
            "What is the difference of {a} and {b}?",
            "{a} less {b} is how much?",
            "Work out {a} - {b}.",
        ]
    )
    return question.format(a=a, b=b), f"{b}+?={a}. {long_sum(b, a - b)}, so {a - b}", str(a - b)


def times(d: Draw) -> Problem:
    a, b = d.number(2, 99), d.number(2, 12)
    question = d.of(
        [
            "What is {a} * {b}?",
            "{a} times {b}?",
            "Multiply {a} by {b}.",
            "{a} x {b} =",
            "Product of {a} and {b}?",
            "How much is {a} times {b}?",
            "{a}*{b}?",
            "Calculate {a} * {b}.",
            "What do you get for {a} times {b}?",
            "What is {a} times {b}?",
            "Compute {a} * {b}.",
            "{b} times {a} is how much?",
            "What is the product of {a} and {b}?",
            "What is {a} multiplied by {b}?",
            "Work out {a} * {b}.",
        ]
    )
    return question.format(a=a, b=b), f"{multiplied(a, b)}", str(a * b)


def shopping(d: Draw) -> Problem:
    fruit, n, price = plural(d.noun()), d.number(2, 20), d.number(2, 30)
    paid = n * price
    question = d.of(
        [
            "{w} buys {n} {f} at {p} cents each. What is the total?",
            "{n} {f} cost {p} cents apiece. How many cents are that for {w}?",
            "What does {w} pay for {n} {f} if one costs {p} cents?",
            "One of the {f} costs {p} cents; {w} takes {n}. How many cents?",
            "{w} needs {n} {f}. Each is {p} cents. What do they cost together?",
            "How many cents does {w} pay for {n} {f} at {p} cents each?",
            "{w} sells {n} {f} for {p} cents each. How many cents come in?",
            "The price of the {f} is {p} cents apiece. What do {n} cost?",
            "At {p} cents each, what is the price of {n} {f} for {w}?",
            "{w} buys {n} {f}. Each costs {p} cents. What is the total price?",
            "What are {n} {f} at {p} cents each?",
            "{n} {f}, {p} cents each: the total?",
            "If {w} orders {n} {f} and one is {p} cents, what is to pay?",
            "{w} wants {n} {f} at {p} cents each. What does {w} pay?",
        ]
    )
    return (
        question.format(w=d.name(), n=n, f=fruit, p=price),
        f"{n}*{price}: {multiplied(n, price)}",
        f"{paid} cents",
    )


def later(d: Draw) -> Problem:
    start, delay = d.number(0, 23 * 60), d.number(1, 24) * 5
    end = (start + delay) % 1440
    begin, finish = f"{start // 60:02d}:{start % 60:02d}", f"{end // 60:02d}:{end % 60:02d}"
    question = d.of(
        [
            "What time is it {m} minutes after {b}?",
            "A film starts at {b} and runs {m} minutes. When is it over?",
            "It is {b}. What time will it be in {m} minutes?",
            "The train leaves at {b} and needs {m} minutes. When does it arrive?",
            "{b} plus {m} minutes?",
            "{m} minutes after {b} it is what time?",
            "A meeting begins at {b} and lasts {m} minutes. When does it end?",
            "If I start at {b} and need {m} minutes, when am I done?",
            "Add {m} minutes to {b}.",
            "What is the time {m} minutes after {b}?",
            "The cake goes in at {b} and bakes {m} minutes. When is it ready?",
            "From {b} on, wait {m} minutes. What time is it then?",
            "A bus leaves at {b} and takes {m} minutes. When is it there?",
            "It is {b} now. What time is it {m} minutes later?",
        ]
    )
    hours, minutes = divmod(start % 60 + delay, 60)
    reasoning = f"minutes {start % 60}+{delay}={start % 60 + delay} = {hours} h {minutes} min. hours {start // 60}+{hours}={start // 60 + hours}"
    if start // 60 + hours > 23:
        reasoning += f"-24={end // 60}"
    return question.format(m=delay, b=begin), reasoning, finish


def days_later(d: Draw) -> Problem:
    date, n = d.date(), d.number(1, 60)
    end = date + datetime.timedelta(days=n)
    question = d.of(
        [
            "Which date is {n} days after {a}?",
            "What is {a} plus {n} days?",
            "{n} days from {a}: which date?",
            "It is {a}. What date is it in {n} days?",
            "Add {n} days to {a}.",
            "What date comes {n} days after {a}?",
            "A parcel sent on {a} takes {n} days. When does it arrive?",
            "Starting on {a}, what is the date {n} days later?",
            "If today is {a}, which date is {n} days from now?",
            "What is the date {n} days after {a}?",
            "The rent is due {n} days after {a}. On which date?",
            "{a} + {n} days = ?",
            "Count {n} days on from {a}.",
            "Which date is it {n} days after {a}?",
        ]
    )
    steps, day, month, year = (
        [f"{date.day}+{n}={date.day + n}"],
        date.day + n,
        date.month,
        date.year,
    )
    while True:
        leap = month == 2 and year % 4 == 0
        length = DAYS_IN[month - 1] + leap
        if day <= length:
            break
        steps.append(f"{MONTHS[month - 1]} has {length}: {day}-{length}={day - length}")
        day, month = day - length, month + 1
        if month == 13:
            month, year = 1, year + 1
    reasoning = ". ".join(steps) + f". {day} {MONTHS[month - 1]} {year}"
    return question.format(n=n, a=long_date(date)), reasoning, long_date(end)


def weekday_later(d: Draw) -> Problem:
    day, n = d.number(0, 6), d.number(1, 40)
    question = d.of(
        [
            "Today is {a}. Which day is it in {n} days?",
            "Which weekday is {n} days after {a}?",
            "It is {a}. What day of the week comes {n} days later?",
            "{a} plus {n} days is which weekday?",
            "If today is {a}, what is it {n} days from now?",
            "{n} days after {a} is which day of the week?",
            "Count {n} days on from {a}. Which weekday is it?",
            "Starting on a {a}, what weekday is it {n} days later?",
            "What weekday is {n} days from {a}?",
            "Which day of the week is {n} days after {a}?",
            "A trip begins on {a} and ends {n} days later. On which weekday?",
            "Add {n} days to {a}: which weekday?",
            "What day is {a} plus {n} days?",
            "It is {a} today. Which weekday is it {n} days later?",
        ]
    )
    rest = n % 7
    walk = " ".join(WEEKDAYS[(day + i) % 7] for i in range(rest + 1))
    return (
        question.format(a=WEEKDAYS[day], n=n),
        f"{n} = {n // 7}*7 + {rest}. {walk}",
        WEEKDAYS[(day + rest) % 7],
    )


def days_between(d: Draw) -> Problem:
    month, year = d.number(1, 12), d.number(2000, 2037)
    first, last = sorted(d.rng.sample(range(1, 29), 2))
    question = d.of(
        [
            "How many days are between {a} and {b}?",
            "How many days is it from {a} to {b}?",
            "Days from {a} to {b}?",
            "How long is it from {a} until {b}, in days?",
            "Count the days from {a} to {b}.",
            "How many days lie between {a} and {b}?",
            "A trip goes from {a} to {b}. How many days is that?",
            "Number of days from {a} to {b}?",
            "How many days pass from {a} to {b}?",
            "How many days are there from {a} to {b}?",
            "What is the number of days between {a} and {b}?",
            "It is {a}. How many days until {b}?",
            "Between {a} and {b} there are how many days?",
            "How many days is it between {a} and {b}?",
        ]
    )
    a, b = datetime.date(year, month, first), datetime.date(year, month, last)
    return (
        question.format(a=long_date(a), b=long_date(b)),
        f"same month: {last}-{first}={last - first}",
        f"{last - first} days",
    )


PROBLEMS: list[Callable[[Draw], Problem]] = [
    convert, plus_minus, times, shopping, later, days_later, weekday_later, days_between,
]  # fmt: skip


def calculation(d: Draw, facts: Facts) -> Conversation:
    question, reasoning, result = d.any(PROBLEMS)(d)
    return answer(d, wrapped(d, question), result, reasoning if d.chance(0.6) else None)
