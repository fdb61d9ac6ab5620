"""Opposites: two parameters of one kind, which only what is said of them tells apart.

From and to, old and new, giver and taker: training alone has them, told in either order and often in one breath.
"""
# ruff: noqa: E501 (a table is read by rows)

from __future__ import annotations

from dataclasses import dataclass

from .mentions import allowed
from .roles import ROLES

# kind | one: names, descriptions, mentions | the other: the same | both at once, {a} one and {b} the other
TABLE = """
place | from, origin, start, source_city; where it begins, departure, from where; from {v}, starting in {v}, leaving {v}, ^I'm in {v} now, ^we start in {v}, ^{v} is where we start | to, destination, end, target_city; where it ends, arrival, where to; to {v}, ending in {v}, arriving in {v}, ^it goes to {v}, ^we want to get to {v}, ^{v} is where we go | from {a} to {b}, to {b} from {a}, {a} to {b}, {a} - {b}, {a} -> {b}, starting in {a} and ending in {b}, from {a} all the way to {b}, leaving {a} for {b}, out of {a} and into {b}, between {a} and {b}, ^I'm in {a} and want to be in {b}
clock | start, from, start_time, begin, opens; when it starts, begin as HH:MM, from when; from {v}, starting at {v}, beginning at {v}, ^it starts at {v}, ^it begins at {v}, ^not before {v} | end, until, end_time, to, closes; when it ends, end as HH:MM, until when; until {v}, till {v}, ending at {v}, ^it ends at {v}, ^it's over at {v}, ^not after {v} | from {a} to {b}, from {a} until {b}, between {a} and {b}, {a}-{b}, {a} to {b}, {a} till {b}, starting at {a} and ending at {b}, until {b} starting at {a}, ^it goes from {a} to {b}, ^it starts at {a} and ends at {b}, ^it must end at {b} and start at {a}
date | start_date, from_date, check_in, first_day, after; first day as YYYY-MM-DD, from which day (YYYY-MM-DD), begin (YYYY-MM-DD); from {v}, starting {v}, as of {v}, ^the first day is {v}, ^it starts on {v}, ^we arrive on {v} | end_date, to_date, check_out, last_day, before; last day as YYYY-MM-DD, until which day (YYYY-MM-DD), end (YYYY-MM-DD); until {v}, ending {v}, through {v}, ^the last day is {v}, ^it ends on {v}, ^we leave on {v} | from {a} to {b}, from {a} until {b}, between {a} and {b}, {a} to {b}, {a} - {b}, {a} through {b}, until {b} and from {a} on, starting {a} and ending {b}, ^it's from {a} till {b}, ^the days are {a} to {b}
name | sender, from, giver, seller, author; who gives, from whom, name of the sender; from {v}, sent by {v}, given by {v}, ^it comes from {v}, ^{v} is the one who gives it, ^{v} sends it | receiver, to, taker, buyer, reader; who gets it, to whom, name of the receiver; to {v}, received by {v}, ^it goes to {v}, ^{v} gets it, ^{v} should have it | from {a} to {b}, to {b} from {a}, by {a} for {b}, for {b} by {a}, ^{a} gives it to {b}, ^{b} gets it from {a}, ^{a} is the one who sends and {b} the one who gets it, ^it goes from {a} to {b}
fullname | old_owner, seller, landlord, teacher, manager; who has it now, who is in charge, the one above; ^{v} has it now, ^it is {v}'s until now, taken from {v}, off {v} | new_owner, buyer, tenant, student, employee; who will have it, who is below, the one who comes; ^{v} will have it, ^it becomes {v}'s, given to {v}, over to {v} | from {a} to {b}, taken from {a} and given to {b}, to {b} from {a}, ^{b} takes it over from {a}, ^{a} hands it to {b}
path | source, input, from_file, src, original; file to read, from where, input file; from {v}, out of {v}, reading {v}, taken from {v}, ^the input is {v}, ^read {v} | target, output, to_file, dest, result_file; file to write, where to, output file; to {v}, into {v}, written to {v}, saved as {v}, ^the output is {v}, ^write it to {v}, ^put the result in {v} | from {a} to {b}, from {a} into {b}, to {b} from {a}, {a} to {b}, {a} -> {b}, reading {a} and writing {b}, with {a} as input and {b} as output, writing {b} from {a}, ^it's in {a} and should end up in {b}
folder | source, from_dir, src_dir, left; folder to take from, where it is now; from {v}, out of {v}, ^it's in {v} now, ^take it from {v} | target, to_dir, dest_dir, right; folder to put it in, where it should go; to {v}, into {v}, over to {v}, ^put it into {v}, ^it should be in {v} | from {a} to {b}, from {a} into {b}, {a} -> {b}, out of {a} and into {b}, to {b} from {a}, into {b} out of {a}, ^it's in {a} but belongs in {b}
word | old, old_name, before, find, current; what it is now, old value, what to replace; ^it is {v} now, now {v}, until now {v}, in place of {v}, instead of {v}, ^it was {v}, replacing {v} | new, new_name, after, replace, wanted; what it becomes, new value, by what; ^it should be {v}, becoming {v}, ^change it to {v}, ^make it {v}, ^from now on it is {v} | from {a} to {b}, {a} -> {b}, {a} becomes {b}, {b} instead of {a}, {b} in place of {a}, {b} rather than {a}, not {a} but {b}, old {a} and new {b}, new {b} and old {a}, ^it was {a} and becomes {b}, ^it's called {a} and should be called {b}, ^{a} must turn into {b}
phrase | old_title, old_text, from_text, search; old wording, what stands there; old "{v}", ^it says "{v}" now, instead of "{v}", where it says "{v}" | new_title, new_text, to_text, replacement; new wording, what should stand there; new "{v}", ^it should say "{v}", ^write "{v}", changed to "{v}" | from "{a}" to "{b}", "{a}" -> "{b}", "{b}" instead of "{a}", "{b}" in place of "{a}", replacing "{a}" with "{b}", ^it says "{a}" and should say "{b}", ^where it says "{a}" I want "{b}"
number | min, low, at_least, lower, minimum; lowest value, not below, from; at least {v}, from {v}, no less than {v}, ^not under {v}, ^the minimum is {v}, above {v} | max, high, at_most, upper, maximum; highest value, not above, up to; at most {v}, up to {v}, no more than {v}, ^not over {v}, ^the maximum is {v}, below {v} | between {a} and {b}, from {a} to {b}, {a} to {b}, {a}-{b}, at least {a} and at most {b}, at most {b} and at least {a}, no less than {a} but no more than {b}, not under {a} and not over {b}, ^anything from {a} up to {b}
decimal | min_price, lowest, low, floor; lowest price, from how much, at least; at least {v}, from {v}, no less than {v}, ^not under {v}, above {v} | max_price, highest, high, ceiling; highest price, up to how much, at most; at most {v}, up to {v}, no more than {v}, ^not over {v}, under {v} | between {a} and {b}, from {a} to {b}, at least {a} and at most {b}, for {a} to {b}, at most {b} but at least {a}, above {a} and below {b}, under {b} and over {a}
number | width, columns, x; how wide, in pixels across, horizontal size; {v} wide, with width {v}, {v} across, {v} pixels wide, ^the width is {v} | height, rows, y; how high, in pixels down, vertical size; {v} high, with height {v}, {v} tall, {v} pixels high, ^the height is {v} | {a} by {b}, {a}x{b}, {a} x {b}, {a} wide and {b} high, {b} high and {a} wide, {a} times {b}, width {a} and height {b}, with {a} across and {b} down, ^it's {a} wide and {b} tall
language | source_language, from_language, source; language of the text, from which language; from {v}, out of {v}, ^it is in {v}, written in {v} | target_language, to_language, target; language wanted, into which language; to {v}, into {v}, ^I want it in {v}, ^it should be in {v} | from {a} to {b}, from {a} into {b}, {a} to {b}, {a} -> {b}, out of {a} into {b}, into {b} from {a}, ^it's in {a} and should be in {b}, ^I have it in {a} and need it in {b}
version | from_version, current, old_version, base; version now, version before, old release; from version {v}, from {v}, ^we are on {v}, ^it's at {v} now | to_version, target, new_version, head; version wanted, version after, new release; to version {v}, to {v}, ^we want {v}, ^it should be {v} | from {a} to {b}, from version {a} to {b}, {a} -> {b}, {a}..{b}, between {a} and {b}, to {b} from {a}, ^we have {a} and want {b}
email | from, sender, from_email, old_email; address of the sender, who writes; from {v}, sent from {v}, ^the sender is {v}, ^it comes from {v} | to, recipient, to_email, new_email; address of the receiver, who gets it; to {v}, addressed to {v}, ^it goes to {v}, ^{v} should get it | from {a} to {b}, to {b} from {a}, {a} -> {b}, ^{a} writes to {b}, ^it goes from {a} to {b}
host | source_host, from_server, old_host; machine it is on, server to take it from; from {v}, off {v}, ^it's on {v} now | target_host, to_server, new_host; machine it should be on, server to put it on; to {v}, onto {v}, ^it should go to {v}, ^put it on {v} | from {a} to {b}, {a} -> {b}, to {b} from {a}, off {a} and onto {b}, ^it's on {a} and should be on {b}
small | adults, grown_ups; number of adults, how many grown-ups; {v} adults, with {v} adults, ^we are {v} adults, {v} grown-ups | children, kids; number of children, how many kids; {v} children, {v} kids, with {v} children, ^there are {v} children | {a} adults and {b} children, {b} children and {a} adults, {a} grown-ups plus {b} kids, ^we are {a} adults with {b} children, ^there are {b} kids and {a} adults
small | first, first_page, start_line, from_line; where to begin, first one; from number {v}, beginning with {v}, ^begin at {v}, starting with number {v} | last, last_page, end_line, to_line; where to stop, last one; up to number {v}, ending with {v}, ^stop at {v}, through number {v} | {a} to {b}, {a}-{b}, from {a} to {b}, {a} through {b}, from number {a} up to number {b}, number {a} until number {b}
code | good, base, source, from_ref; the one that works, left side, to compare from; ^{v} is fine, from {v}, with {v} on the left, ^{v} was the good one | bad, head, target, to_ref; the one that does not, right side, to compare to; ^{v} is broken, to {v}, with {v} on the right, ^{v} is the bad one | {a}..{b}, from {a} to {b}, between {a} and {b}, {a} -> {b}, ^{a} was fine and {b} is broken, ^{b} fails but {a} works
percent | from_level, low, minimum; lowest level, from how many percent; from {v}%, at least {v} percent, ^not under {v} percent | to_level, high, maximum; highest level, to how many percent; to {v}%, at most {v} percent, ^not over {v} percent | from {a}% to {b}%, between {a} and {b} percent, {a} to {b} percent, {a}%-{b}%, at least {a} and at most {b} percent
colour | foreground, text_color, front; colour of the text, colour in front; {v} text, text in {v}, ^the text is {v}, {v} letters | background, back_color, paper; colour behind, colour of the page; {v} background, a {v} background, on {v}, ^behind it {v} | {a} on {b}, {a} text on {b}, {b} behind and {a} in front, {a} letters on a {b} background, a {b} background and {a} text
phone | caller, from_number, my_number; number that calls, calling from; from {v}, calling from {v}, ^my number is {v} | callee, to_number, their_number; number to call, calling to; to {v}, calling {v}, ^their number is {v} | from {a} to {b}, to {b} from {a}, {a} -> {b}, ^{a} calls {b}
year | since, from_year, first_year; first year, from when; since {v}, from {v} on, ^not before {v} | until, to_year, last_year; last year, until when; until {v}, up to {v}, ^not after {v} | from {a} to {b}, between {a} and {b}, {a}-{b}, {a} to {b}, from {a} until {b}, since {a} and up to {b}, until {b} and since {a}
month | first_month, from_month; first month, from which month; from {v} on, starting in {v}, ^it begins in {v} | last_month, to_month; last month, until which month; until {v}, ending in {v}, ^it ends in {v} | from {a} to {b}, {a} to {b}, {a}-{b}, between {a} and {b}, from {a} until {b}, {a} through {b}
weekday | first_day, from_day; first day of the week, from which day; from {v} on, starting on {v} | last_day, to_day; last day of the week, until which day; until {v}, ending on {v} | from {a} to {b}, {a} to {b}, {a}-{b}, {a} through {b}, from {a} until {b}
""".strip()


@dataclass(frozen=True)
class Side:
    names: tuple[str, ...]
    descriptions: tuple[str, ...]
    plans: tuple[str, ...]


@dataclass(frozen=True)
class Pair:
    kind: str
    sides: tuple[Side, Side]
    together: tuple[str, ...]


def read_side(cell: str, kind: str) -> Side:
    held_out = [plan for role in ROLES if role.kind == kind for plan in role.mentions[4::5]]
    names, descriptions, plans = (part.strip().split(", ") for part in cell.split(";"))
    return Side(tuple(names), tuple(descriptions), allowed(plans, held_out))


def read_pair(row: str) -> Pair:
    kind, one, other, together = (cell.strip() for cell in row.split(" | "))
    plans = [plan.strip() for plan in together.split(", ")]
    return Pair(kind, (read_side(one, kind), read_side(other, kind)), tuple(plans))


PAIRS = [read_pair(row) for row in TABLE.splitlines()]
