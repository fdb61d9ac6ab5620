"""Wording: many more ways to say and to ask what `world.py` tells, composed for training alone.

A row names an attribute by nouns, by clauses (`{s}` and `{v}` in place) and by questions as embedded
clauses ("who owns {s}"), which a lead turns into a request. What is held out is never composed:
what `refusing` knows is dropped.
"""
# ruff: noqa: E501, SIM905 (tables are read by rows, word lists as words)

from __future__ import annotations

from collections.abc import Iterable

from .draw import Draw

# key | nouns | statements | questions
ROWS = """
job | profession, occupation, work, trade, position, career | {s} makes a living as a {v}; {s} trained for years to become a {v}; {s}, a {v}, lives next door; as a {v}, {s} is often on the road; {s} took a job as a {v}; everyone calls {s} the {v}; {s} the {v} came by | what {s} works as; what {s} does; what {s} does all day; what kind of job {s} has; what {s} does for work; what job {s} took; what {s} was trained for; which occupation {s} has; what {s} is
city | town, city, home, place, residence | {s} has lived in {v} since spring; {s} lives near the station in {v}; {s} went to live in {v}; {s} rents a room in {v}; {v} is the home of {s}; {s} now calls {v} home; {s} is living in {v} | where {s} lives; where {s} is living; where one finds {s}; which town {s} lives in; which city {s} calls home; where {s} has a home; where the home of {s} is; where {s} moved; in which town {s} is at home; where {s} rents a room
age | age, number of years | {s} is aged {v}; {s} will soon be older than {v}; now {v}, {s} still works; with {v} years, {s} is the oldest; {s} is {v} years of age; {s}, who is {v}, came too | how old {s} is; what age {s} is; which age {s} has; how many years {s} has lived; how old {s} is now; the years of {s}; how old {s} was
pet | pet, animal | {s} came with a {v}; a {v} belongs to {s}; {s} got a {v} for a birthday; {s} takes the {v} for a walk; {s} found a {v} and kept it; at home {s} has a {v} | what animal {s} has; which pet {s} keeps; which animal lives at {s}'s home; what pet {s} got; what animal belongs to {s}; which animal {s} takes for a walk; what {s} keeps as a pet; which animal {s} owns
email | email, mail, address, email address, mailbox | {s} answers at {v}; the mail of {s} is {v}; {s} can be written to at {v}; send mail for {s} to {v}; {v} belongs to {s}; {s} has the address {v} | how to write to {s}; which address {s} has; where mail for {s} goes; where {s} gets mail; what email {s} uses; how one reaches {s} by mail; the address to write to {s}
team | team, group, crew | {s} plays a part in the {v} team; the {v} team got {s} this year; {s} went over to the {v} team; the {v} team consists of {s} and others; {s} of the {v} team spoke; one of the {v} team is {s} | which team {s} is in; which team {s} works in; which team got {s}; what team {s} plays for; what team {s} is a part of; with which team {s} is; which group {s} is in; where {s} works, which team
birth place | birth place, birthplace, place of birth, home town | {s} first saw the light in {v}; {s} was born and raised in {v}; {v} was the first home of {s}; {s} is originally from {v}; {s} spent a childhood in {v}; the parents of {s} lived in {v} when {s} was born | where {s} was born; where {s} is from; where {s} comes from; where {s} was raised; in what town {s} was born; which town {s} is from; where {s} spent a childhood; which place {s} was born in; where {s} is originally from
language | language, tongue, mother tongue | {s} knows {v} well; {s} talks {v} with friends; one hears {s} speak {v}; {s} understands {v}; {s} has learned {v}; {v} is what {s} speaks | which language {s} speaks; what language {s} knows; which language {s} understands; what {s} talks; what language {s} talks in; which tongue {s} speaks; which language {s} has learned; what languages {s} speaks
hobby | hobby, pastime, passion | {s} is mad about the {v}; nothing pleases {s} like the {v}; {s} spends free time on the {v}; on Sundays {s} is busy with the {v}; {s} cares for the {v} most; the {v} is what {s} likes | what {s} cares for; what {s} is mad about; what pleases {s}; what {s} does in free time; what {s} has a passion for; what {s} likes most; which hobby {s} has; what {s} spends free time on
manager | manager, boss, head, superior, chief, supervisor | {v} is {s}'s boss; {s} answers to {v}; {s} gets work from {v}; {v} is in charge of {s}; {s}'s head is {v}; {s} has to ask {v}; {v} leads {s}; {v} tells {s} what to do | who leads {s}; who {s} works for; who {s} answers to; who is in charge of {s}; who is {s}'s boss; who tells {s} what to do; who is the superior of {s}; who {s} reports to; who {s}'s manager is
phone | phone number, telephone number, number, phone, telephone | ring {s} at {v}; {s} picks up at {v}; reach {s} by phone: {v}; {s}'s telephone is {v}; the line of {s} is {v}; to talk to {s}, dial {v} | how to call {s}; which number {s} has; at what number {s} picks up; what to dial for {s}; where {s} can be called; what number one dials to reach {s}; the number to call {s}
colour | colour, color, tint, shade | {s} is all {v}; {s} looks {v}; {s} was made in {v}; the paint on {s} is {v}; one knows {s} by its {v} paint; {s}, {v} as it is, stands out | what colour {s} is; which colour {s} has; how {s} looks; what color {s} is; what colour {s} was painted; which shade {s} has; which colour they gave {s}; in which colour {s} was made
price | price, cost, value | {s} goes for {v}; {s} is worth {v}; they want {v} for {s}; {s} is on sale for {v}; {v} is what {s} costs; someone gave {v} for {s}; {s} was sold at {v} | what {s} costs; how much {s} is; how much {s} costs; how much one pays for {s}; what {s} goes for; what they want for {s}; how expensive {s} is; what {s} is worth; how much was paid for {s}; how much money {s} is
owner | owner, proprietor, holder | {s} is {v}'s; {v} has {s}; {s} is in the possession of {v}; {v} inherited {s}; {v} possesses {s}; the one who owns {s} is {v}; {s} went to {v} | who owns {s}; who has {s}; who {s} belongs to; whose {s} is; who possesses {s}; who inherited {s}; who holds {s}; who the owner of {s} is; who is the proprietor of {s}
room | room, place, location | {s} is over in {v}; {s} can be found in {v}; look for {s} in {v}; they brought {s} to {v}; {s} has its place in {v}; {s} was left in {v}; {v} is where {s} is | where {s} is; where {s} can be found; where one finds {s}; which room {s} is in; where they keep {s}; where {s} was left; where to look for {s}; where they brought {s}; where {s} has its place; in which place {s} is
year | year, year of construction, date | {s} was created in {v}; {s} has been around since {v}; {s} is a thing of {v}; since {v} there has been {s}; {v} is the year of {s}; they made {s} in {v}; {s} first appeared in {v} | when {s} was made; which year {s} is from; when {s} was built; what year {s} was built; when they made {s}; when {s} first appeared; since when there has been {s}; from what year {s} is; how long ago {s} was made, which year
weight | weight, mass | {s} brings {v} to the scales; {v} is what {s} weighs; {s} is heavy, {v} in all; one has to lift {v} to move {s}; {s} has {v}; the mass of {s} comes to {v} | how heavy {s} is; what {s} weighs; how much {s} weighs; what the weight of {s} is; how much {s} brings to the scales; which weight {s} has; how heavy they found {s}
maker | maker, manufacturer, producer, builder | {v} produces {s}; {s} is built by {v}; {s} is the work of {v}; {v} put {s} together; {s} bears the name of {v}, who made it; {v} constructed {s} | who made {s}; who builds {s}; who produces {s}; which firm made {s}; who put {s} together; which company is behind {s}; who constructed {s}; who the manufacturer of {s} is; whose work {s} is
material | material, substance, stuff | {s} was built out of {v}; {s} is of {v}; one took {v} to make {s}; {s} is a thing of {v}; {v} was used for {s}; {s} is cut from {v} | what {s} is made of; what {s} is of; which material was used for {s}; what was used for {s}; what {s} was built out of; what stuff {s} is made of; what they made {s} from; which substance {s} consists of
version | version, release, current version, latest release | {s} came out as {v}; {s} ships in version {v}; the newest {s} is {v}; {s} now has the number {v}; they put out {s} in version {v}; we run {s} {v} | which version {s} is; what version {s} has; which release {s} is; what the newest version of {s} is; at which release {s} is; which {s} we run; what version {s} ships in; what number {s} has
host | host, server, machine, computer | {s} is served from {v}; {s} sits on {v}; {v} is the machine for {s}; {s} went to {v}; they keep {s} on {v}; {v} has {s} running | where {s} runs; which machine {s} is on; what host {s} is on; which server has {s}; where {s} is running; which computer runs {s}; where {s} is served from; on which server {s} sits; what machine runs {s}
date | date, day | {s} comes on {v}; {v} is the date for {s}; {s} was set for {v}; expect {s} on {v}; {s} can be seen on {v}; come to {s} on {v}; {s} starts on {v} | when {s} is; when {s} comes; which date {s} is on; on which day {s} is; when one can see {s}; when {s} takes place; what date {s} has; what the date of {s} is; for when {s} was set; when to expect {s}
time | time, hour, starting time, beginning | {s} gets going at {v}; at {v} it is time for {s}; come to {s} at {v}; {s} is set for {v}; be on time for {s}: {v}; {v} is when {s} starts | what time {s} is; at what time {s} starts; when {s} starts; when {s} gets going; what time one must come to {s}; at which hour {s} begins; what time {s} was set for; how late {s} begins
place | place, venue, location, city | {s} will happen in {v}; {v} is the place of {s}; come to {v} for {s}; {s} was brought to {v}; {s} comes to {v}; this year {v} has {s} | where {s} is; where {s} will be; which city has {s}; where {s} happens; what place {s} is in; which town {s} comes to; where one goes for {s}; in which town {s} is held; what the venue of {s} is
organiser | organiser, host, person in charge, planner | {v} takes care of {s}; {s} is in the hands of {v}; {v} planned {s}; {v} set up {s}; {s} owes much to {v}, who runs it; {v} directs {s} | who organised {s}; who plans {s}; who takes care of {s}; who runs {s}; who set up {s}; who directs {s}; who is in charge of {s}; who the organiser of {s} is; who made {s} happen
guests | number of guests, guests, number of people, visitors | {s} drew {v} people; {s} will have {v} guests; {v} are invited to {s}; {s} was seen by {v} people; {v} people take part in {s}; room for {v} guests is at {s} | how many come to {s}; how many people take part in {s}; how many guests {s} has; how many people are at {s}; how many {s} drew; how many were at {s}; how many visitors {s} will have; how many guests are coming; for how many people {s} has room
day | weekday, day of the week, day | {s} comes each {v}; every {v} there is {s}; {v} is when {s} is; {s} is held on {v}; the usual day for {s} is {v}; {s} has been moved to {v} | which weekday {s} is on; what day {s} is; what day of the week {s} is on; on which day {s} is held; which day {s} comes; on what weekday {s} is; what day {s} was moved to; on which day there is {s}
winner | winner, champion, victor | {v} was the best at {s}; {v} beat everybody at {s}; nobody could beat {v} at {s}; the prize of {s} went to {v}; {v} is the champion of {s}; {s} saw {v} win; {v} left {s} as the winner | who won {s}; who was the best at {s}; who the winner of {s} was; who beat everybody at {s}; who got the prize of {s}; who is the champion of {s}; who came out first at {s}; whom {s} saw win; who took first place at {s}
"""
LEADS = """Tell me|Do you know|Can you tell me|Please tell me|Say|What do you think,|Could you find out|Do they say|I want to find out|Read the text and say|Just tell me|Is it said|Let me know|Help me find out|From this text,|I'm asking|Does anyone know|Answer me:|Well,|And|So|Look:|I can't find|My question is|It is important to know|We need to know|I was asked|Any idea|Quick:""".split(
    "|"
)
OF_NOUN = """What is the {n} of {s}?|What's the {n} of {s}?|What was the {n} of {s}?|the {n} of {s}?|{s}'s {n}?|What is {s}'s {n}?|Give me the {n} of {s}.|I need the {n} of {s}.|{n} of {s}|What about the {n} of {s}?|Find the {n} of {s}.|What would be the {n} of {s}?|Which {n} does {s} have?|Which {n} has {s}?|What {n} has {s}?|What does it say about the {n} of {s}?|{s}: {n}?|What is said to be the {n} of {s}?|Is there a {n} of {s}? Which?|The {n} of {s} is what?|Do they give a {n} for {s}?""".split(
    "|"
)
SAID_OF_NOUN = """The {n} of {s} is {v}|{s}'s {n} is {v}|{v} is the {n} of {s}|As {n} of {s} they name {v}|The {n} of {s} was {v}|{s} has {v} as its {n}|The {n} of {s}: {v}|{v} is given as the {n} of {s}|For {s} the {n} is {v}|Their note on {s} gives the {n}: {v}""".split(
    "|"
)
ORDER = """{x}|{x}|{x}|{x}|Yes, {x}|You should know that {x}|And {x}|Now {x}|Also, {x}|{x}, as far as I know|Last week I heard that {x}|{x}, by the way|{x}, they say|In fact {x}|{x}, and that is good|My sister told me that {x}|{x}, if I remember right|As always, {x}|Since then {x}|{x} (I checked)|Oh, and {x}|First of all, {x}""".split(
    "|"
)


def bare(text: str) -> str:
    """Letters and spaces alone: what two phrases that say the same have in common."""
    return " ".join("".join(c for c in text.casefold() if c.isalnum() or c in "{} ").split())


def refusing(held_out: Iterable[str]) -> frozenset[str]:
    return frozenset(map(bare, held_out))


class Row:
    def __init__(self, line: str) -> None:
        self.key, nouns, statements, questions = (cell.strip() for cell in line.split(" | "))
        self.nouns, self.statements, self.questions = (
            nouns.split(", "),
            statements.split("; "),
            questions.split("; "),
        )

    def statement(self, d: Draw, subject: str, value: object, refused: frozenset[str]) -> str:
        if d.chance(0.7):
            plan = d.any(self.statements)
        else:
            plan = d.any(SAID_OF_NOUN).replace("{n}", d.any(self.nouns))
        if bare(plan) in refused:
            plan = self.statements[0]
        text = plan.format(s=subject, v=value)
        if plan in self.statements:
            text = d.any(ORDER).format(x=text)
        return text + "."

    def question(self, d: Draw, subject: str, refused: frozenset[str]) -> str:
        """An embedded clause as it stands or after a lead, or a question by the noun."""
        kind = d.rng.random()
        if kind < 0.4:
            plan = d.any(OF_NOUN).replace("{n}", d.any(self.nouns))
            text = plan.format(s=subject)
        else:
            plan = direct(d.any(self.questions)) if kind < 0.75 else d.any(self.questions)
            text = plan.format(s=subject)
            text = text + "?" if kind < 0.75 else f"{d.any(LEADS)} {text}{d.any(('.', '?', ''))}"
        if bare(plan) in refused:
            text = f"{d.any(LEADS)} {self.questions[0].format(s=subject)}."
        return text[0].upper() + text[1:]


AUXILIARY = frozenset("is was will has can are must".split())


def direct(clause: str) -> str:
    """`what {s} costs` becomes `what does {s} cost`, `where {s} is` becomes `where is {s}`."""
    if "{s}" not in clause or (clause.startswith("who") and not clause.startswith(("who {s}", "whom {s}", "whose {s}", "who the"))):  # fmt: skip
        return clause  # the question word is the subject
    before, after = clause.split("{s}", 1)
    if not before.strip() or after.startswith("'") or not after.strip():
        return clause
    verb, _, rest = after.strip().partition(" ")
    rest = f" {rest}" if rest else ""
    before = before.strip()
    if len(before.split()) > 4 or any(w in before for w in (" to ", "one", "they", " of", "there", "mail for")):  # fmt: skip
        return clause
    if verb in AUXILIARY and (verb != "has" or rest.startswith((" been", " learned", " lived"))):
        return f"{before} {verb} {{s}}{rest}"
    if verb == "has":
        return f"{before} does {{s}} have{rest}"
    if verb in PAST:
        return f"{before} did {{s}} {PAST[verb]}{rest}"
    if verb in PRESENT:
        return f"{before} does {{s}} {PRESENT[verb]}{rest}"
    return clause


PAST = {"took": "take", "moved": "move", "got": "get", "spent": "spend", "drew": "draw", "saw": "see"}  # fmt: skip
PRESENT = {w: w.removesuffix("s") for w in "works lives rents comes talks speaks understands likes gets uses plays knows keeps owns looks costs weighs runs sits starts begins ships calls brings cares belongs answers reports spends picks consists takes happens".split()} | {"does": "do", "goes": "go"}  # fmt: skip
TABLE = {row.key: row for row in map(Row, ROWS.strip().splitlines())}
