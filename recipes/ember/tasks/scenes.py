"""Scenes: what people write in one sentence, and what others ask about it.

Only training has them: the held-out figures stay about the world of `world.py`. A scene lists its
slots, then sentences (`+`), then questions by slot (`?`); a slot that the chosen sentence leaves out
is what the text does not say.
"""
# ruff: noqa: E501, SIM905 (tables are read by rows, word lists as words)

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .draw import COLOURS, FIRST_NAMES, JOBS, MONTHS, PLACES, WEEKDAYS, Draw, long_date
from .phrasing import frame

OBJECTS = """bicycle laptop umbrella phone jacket suitcase guitar camera sofa washing+machine desk lamp
mirror tent ladder kettle printer bookshelf carpet keyboard backpack vase clock helmet drill radio
stove mattress wardrobe bench scooter piano heater fridge toaster blender chair monitor tablet
headphones watch ring scarf coat raincoat notebook calendar map ticket passport wallet key+ring""".split()
FOODS = """soup bread cheese rice pasta pancakes salad apple+pie onion+tart fish potatoes beans omelette
curry lentils noodles dumplings porridge muffins risotto stew tomatoes pears plums walnuts honey""".split()
CHORES = """call+the+plumber|water+the+plants|pay+the+rent|buy+milk|renew+the+passport|clean+the+windows|send+the+report|book+the+hotel|feed+the+cat|pick+up+the+parcel|sign+the+contract|back+up+the+server|order+new+chairs|print+the+tickets|write+the+minutes|update+the+website|check+the+brakes|repair+the+fence|return+the+books|charge+the+battery""".split(
    "|"
)
TOPICS = """budget|new office|summer party|website|hiring plan|roof|contract|exam|garden|holiday|software update|school trip|annual report|kitchen|concert|safety rules|next release|insurance|move|train strike""".split(
    "|"
)
SHOPS = "bakery|supermarket|hardware store|pharmacy|bookshop|market|florist|library|post office|garage|bank|museum|station|swimming pool|town hall|harbour|school|hospital|hotel|airport".split(
    "|"
)
ILLS = "cold|broken leg|sore throat|headache|fever|bad back|toothache|cough|sprained ankle|allergy".split(
    "|"
)
SKILLS = "swimming|chess|pottery|first aid|cooking|Spanish|bookkeeping|sailing|photography|yoga|welding|drawing|typing|dancing|judo|singing".split(
    "|"
)
REASONS = "a storm|the strike|a burst pipe|a missing part|heavy traffic|fog|a power cut|repairs|illness|low demand|snow|a computer fault|a late delivery".split(
    "|"
)
VEHICLES = "bus|train|tram|ferry|car|bike|taxi|plane|van|boat".split("|")
HOURS = "noon|midnight|half past four|quarter to nine|ten o'clock|3 pm|8 am|11:15 am|6:30 pm|five in the morning|9 pm|seven o'clock".split(
    "|"
)
LATER = "tomorrow|next week|tonight|this afternoon|next Monday|at the weekend|in two weeks|on Friday evening|tomorrow morning|next month".split(
    "|"
)


def is_interactive(d: Draw) -> str:
    kind = d.rng.random()
    if kind < 0.45:
        return d.of(FIRST_NAMES)
    if kind < 0.7:
        return d.full_name()
    if kind < 0.85:
        return f"the {d.of(JOBS)}"
    return d.name()


def clock(d: Draw) -> str:
    return d.clock() if d.chance(0.5) else d.any(HOURS)


def day(d: Draw) -> str:
    kind = d.rng.random()
    if kind < 0.4:
        return d.any(WEEKDAYS)
    if kind < 0.7:
        return f"{d.number(1, 28)} {d.any(MONTHS)}"
    return long_date(d.date()) if kind < 0.85 else f"{d.any(MONTHS)} {d.number(1, 28)}"


def money(d: Draw) -> str:
    amount = d.number(2, 900) if d.chance(0.7) else f"{d.number(2, 90)}.{d.number(10, 99)}"
    return d.any(
        (f"{amount} euros", f"{amount} dollars", f"${amount}", f"{amount} pounds", f"€{amount}")
    )


SLOTS: dict[str, Callable[[Draw], Any]] = {
    "person": is_interactive, "day": day, "clock": clock, "money": money, "place": lambda d: d.of(PLACES) if d.chance(0.7) else d.place(),
    "room": lambda d: d.any((f"room {d.number(1, 60)}", "the kitchen", "the library", "hall B", "the garden", "the small office", "the cellar", f"the {d.noun()} room", "the big hall", "the canteen")),
    "object": lambda d: d.any(OBJECTS).replace("+", " ") if d.chance(0.7) else d.thing(),
    "food": lambda d: d.any(FOODS).replace("+", " "), "chore": lambda d: d.any(CHORES).replace("+", " "),
    "topic": lambda d: d.any(TOPICS) if d.chance(0.7) else d.thing(), "shop": lambda d: d.any(SHOPS), "ill": lambda d: d.any(ILLS),
    "skill": lambda d: d.any(SKILLS), "reason": lambda d: d.any(REASONS), "vehicle": lambda d: d.any(VEHICLES),
    "colour": lambda d: d.of(COLOURS), "job": lambda d: d.of(JOBS), "count": lambda d: d.number(2, 60), "big": Draw.quantity,
    "later": lambda d: d.any(LATER), "length": lambda d: f"{d.any((2, 3, 5, 10, 15, 20, 30, 45, 90))} {d.any(('minutes', 'hours', 'days', 'weeks'))}",
    "phone": Draw.phone, "email": Draw.email, "code": Draw.code, "version": Draw.version, "host": Draw.host, "path": Draw.path,
    "year": lambda d: d.number(1850, 2030), "age": lambda d: d.number(3, 95), "size": Draw.measure, "percent": lambda d: f"{d.number(1, 99)} %",
    "word": Draw.common, "error": lambda d: d.any(("disk full", "access denied", "timeout", "out of memory", "connection refused", f"error {d.number(100, 999)}")),
    "weather": lambda d: d.any(("rain", "snow", "sunshine", "fog", "wind", "thunderstorms", "clouds")), "degrees": lambda d: f"{d.number(-15, 38)} degrees",
}  # fmt: skip

TABLE = """
# who=person day=day time=clock room=room topic=topic
+ The meeting with {who} is on {day} at {time} in {room}.
+ On {day} at {time} there is a meeting with {who}.
+ I have a meeting with {who} about the {topic} in {room}.
+ Don't forget: meeting with {who}, {day}, {time}.
+ {who} wants to meet us on {day} to talk about the {topic}.
+ Our meeting about the {topic} starts at {time} in {room}.
+ We moved the meeting with {who} to {day}, same room ({room}).
? who | Who is the meeting with?; With whom is the meeting?; Who are we meeting?; Who do I meet?; Who is coming to the meeting?
? day | Which day is the meeting?; On what day is the meeting?; What day do we meet?; What date is the meeting?
? time | What time is the meeting?; At what time does the meeting start?; When does the meeting begin, what time?; how late is the meeting
? room | Where is the meeting?; Which room is the meeting in?; In what room do we meet?; where do we meet
? topic | What is the meeting about?; What do we talk about?; What is the topic of the meeting?; What will be discussed?
# who=person object=object price=money shop=shop day=day
+ {who} bought a {object} for {price} at the {shop}.
+ On {day}, {who} paid {price} for a {object}.
+ {who} found a nice {object} at the {shop} and paid {price}.
+ At the {shop} {who} bought a {object} on {day}.
+ The {object} that {who} got at the {shop} was only {price}.
? who | Who bought the {object}?; Who paid for the {object}?; Who got a {object}?; Who is the buyer?
? object | What did {who} buy?; What was bought?; What has {who} bought?; which thing did {who} get
? price | How much did the {object} cost?; What did {who} pay?; What was the price?; How much was the {object}?; how much money did {who} spend
? shop | Where did {who} buy the {object}?; Where was it bought?; In which shop was {who}?; Where did the {object} come from?
? day | When did {who} buy the {object}?; On which day was the {object} bought?; What day was that?
# from=place to=place vehicle=vehicle time=clock who=person length=length
+ The {vehicle} from {from} to {to} leaves at {time}.
+ {who} takes the {vehicle} from {from} to {to}; it takes {length}.
+ At {time} the {vehicle} to {to} departs.
+ {who} travels to {to} by {vehicle}.
+ It takes {length} by {vehicle} from {from} to {to}.
+ {who} left {from} at {time} and went to {to}.
? from | Where does the {vehicle} leave from?; From where does it start?; Where did the trip begin?; What is the starting point?
? to | Where does the {vehicle} go?; What is the destination?; Where is {who} going?; Where does it go to?; To which city does one travel?
? vehicle | How does {who} travel?; By what means do they travel?; What do they go by?; What kind of transport is it?
? time | When does the {vehicle} leave?; What time does it depart?; At what time does the {vehicle} go?; When is the departure?
? who | Who travels?; Who is going to {to}?; Who takes the {vehicle}?; Who makes the trip?
? length | How long does it take?; How long is the trip?; What is the travel time?; how long are they on the way
# who=person age=age place=place job=job
+ {who} is {age} and lives in {place}.
+ {who}, {age}, works as a {job} in {place}.
+ {who} has worked as a {job} for years and lives in {place}.
+ My neighbour {who} is {age} years old and a {job}.
+ {who} moved from the country to {place} to become a {job}.
+ Meet {who}: {job}, {age}, from {place}.
? who | Who is this about?; Who is the {job}?; Who lives in {place}?; Whose age is {age}?
? age | How old is {who}?; What age is {who}?; how many years old
? place | Where does {who} live?; In which city does {who} live?; What is the home of {who}?; where is {who} at home
? job | What does {who} do?; What is {who}'s job?; What does {who} do for a living?; Which job has {who}?
# who=person count=count food=food price=money day=day
+ {who} ordered {count} portions of {food} for {day}.
+ For the party on {day} {who} needs {count} plates of {food}.
+ {count} kilos of {food} cost {price}.
+ {who} cooked {food} for {count} people.
+ Please bring {food} for {count} on {day}.
+ {who} sold {count} jars with {food} for {price}.
? who | Who ordered?; Who made the {food}?; Who needs the {food}?; Who did it?
? count | How many were ordered?; How many are there?; How many portions are it?; For how many is the {food}?; What number is given?
? food | What was ordered?; What did {who} cook?; What kind of food is it?; What should be brought?; What is for sale?
? price | How much does it cost?; What is the price of the {food}?; What do {count} cost?; How much money is it?
? day | For which day is it?; When is the {food} needed?; What day is named?
# who=person chore=chore day=later
+ {who} has to {chore} {day}.
+ Remind {who} to {chore}.
+ {who} promised to {chore} {day}.
+ {day} {who} will {chore}.
+ Could {who} {chore}?
? who | Who has to {chore}?; Who will {chore}?; Whose job is it to {chore}?; Who should do it?
? chore | What does {who} have to do?; What did {who} promise?; What is {who} going to do?; What is {who}'s task?
? day | When does {who} have to {chore}?; When will it be done?; Until when must {who} {chore}?; when is it
# object=object colour=colour room=room who=person size=size
+ The {object} in {room} is {colour}.
+ {who} painted the {object} {colour}.
+ {who}'s {object} is {colour} and measures {size}.
+ The {colour} {object} stands in {room}.
+ There is a {colour} {object} in {room}; it belongs to {who}.
+ {who} keeps the {object} in {room}.
? object | What is {colour}?; Which thing is {colour}?; What is in {room}?; What belongs to {who}?
? colour | What colour is the {object}?; Which colour does the {object} have?; what color is it; How was the {object} painted?
? room | Where is the {object}?; In which room is the {object}?; Where does the {object} stand?; Where is it kept?
? who | Whose {object} is it?; Who painted the {object}?; Who owns the {object}?; To whom does the {object} belong?
? size | How big is the {object}?; What does the {object} measure?; What size is it?
# host=host error=error time=clock who=person
+ At {time} the server {host} reported: {error}.
+ {host} is down since {time}; {who} is looking into it.
+ {who} restarted {host} because of "{error}".
+ The log of {host} shows {error} at {time}.
+ {who} says that {host} works again.
? host | Which server is it?; On which machine did it happen?; Which host has the problem?; What was restarted?
? error | What is the error?; What went wrong?; What does the log say?; Which problem was reported?; Why was it restarted?
? time | When did it happen?; Since when is it down?; At what time was that?; when was the error
? who | Who takes care of it?; Who restarted it?; Who is looking into it?; Who says so?
# app=word version=version day=day size=size who=person
+ {app} {version} was released on {day}.
+ {who} updated {app} to version {version}.
+ Version {version} of {app} needs {size} of memory.
+ The download of {app} is {size}.
+ {who} found a bug in {app} {version}.
? app | Which program is it?; What was released?; What did {who} update?; What has a bug?
? version | Which version is it?; What version of {app} was released?; To which version was it updated?; version?
? day | When was {app} released?; On which day did {app} {version} come out?; What is the release date?
? size | How big is the download?; How much memory does it need?; How much space does {app} take?
? who | Who updated {app}?; Who found the bug?; Who did that?
# who=person ill=ill day=later length=length
+ {who} has a {ill} and stays at home.
+ Because of a {ill}, {who} can't come {day}.
+ {who} has been ill with a {ill} for {length}.
+ The doctor told {who} to rest for {length}.
? who | Who is ill?; Who stays at home?; Who can't come?; Who must rest?
? ill | What does {who} have?; Why does {who} stay at home?; What is wrong with {who}?; What is {who} ill with?
? day | When is {who} not there?; When can't {who} come?
? length | For how long must {who} rest?; How long has {who} been ill?; How long is it?
# skill=skill who=person price=money count=count day=day room=room
+ {who} teaches {skill} on {day} in {room}.
+ The {skill} course costs {price} and has {count} places.
+ {count} people have signed up for the {skill} course of {who}.
+ A course in {skill} begins on {day}; it costs {price}.
+ {who} wants to learn {skill}.
? skill | What does {who} teach?; Which course is it?; What can one learn?; What is taught?
? who | Who teaches {skill}?; Who gives the course?; Who is the teacher?; Who wants to learn it?
? price | What does the course cost?; How much is the course?; What is the fee?; how expensive is it
? count | How many places are there?; How many people have signed up?; How many can take part?; for how many people is it
? day | When does the course begin?; On which day is the course?; When is {skill}?
? room | Where is the course?; Where does {who} teach?; In which room is it?
# what=vehicle reason=reason length=length time=clock
+ The {what} is {length} late because of {reason}.
+ Because of {reason} the {what} does not run.
+ Due to {reason}, the {what} at {time} was cancelled.
+ The {what} at {time} comes {length} later.
? what | What is late?; What was cancelled?; What does not run?; Which vehicle is it?
? reason | Why is the {what} late?; What is the reason?; Why was it cancelled?; What is the cause of it?; why
? length | How late is the {what}?; How long is the delay?; How much later does it come?; delay?
? time | Which {what} was cancelled?; At what time should it have come?; When does the {what} normally go?
# who=person phone=phone email=email room=room
+ You can call {who} at {phone} or write to {email}.
+ {who} sits in {room}, phone {phone}.
+ The number of {who} is {phone}.
+ For questions write to {email} ({who}).
+ {who} ({email}) is in {room}.
? who | Whose number is it?; Who can answer questions?; Who is it?; Whom can I ask?
? phone | How can I call {who}?; Which number has {who}?; what number do I dial
? email | What is {who}'s email?; How can I write to {who}?; What is the mail address?; which address should I use
? room | Where does {who} sit?; In which room is {who}?; Where can I find {who}?
# place=place weather=weather degrees=degrees day=later
+ In {place} there will be {weather} {day}.
+ It is {degrees} in {place}.
+ {place}: {weather}, {degrees}.
+ They expect {weather} and {degrees} in {place} {day}.
? place | Where is that?; For which city is the forecast?; Which place is it about?; Where will there be {weather}?
? weather | How will the weather be?; What is the weather in {place}?; What do they expect?; what's the weather like
? degrees | How warm is it?; What is the temperature?; How many degrees is it in {place}?; temperature?
? day | When will there be {weather}?; For when is it?; When is that?
# shop=shop open=clock close=clock day=day street=word
+ The {shop} opens at {open} and closes at {close}.
+ On {day} the {shop} is open from {open}.
+ The {shop} in {street} Street closes at {close}.
+ The {shop} is closed on {day}.
? shop | What opens?; Which place is it about?; What is closed?; What is in that street?
? open | When does the {shop} open?; From what time is the {shop} open?; opening time?; At what time can I go there?
? close | When does the {shop} close?; Until when is the {shop} open?; closing time?; At what time does it shut?
? day | On which day is that?; When is the {shop} closed?; What day is meant?
? street | In which street is the {shop}?; Where is the {shop}?; what street is it in
# winner=person team=word score=count place=place year=year
+ {winner} won the race in {place} in {year}.
+ In {year}, {winner} of {team} scored {score} points.
+ {team} beat the others by {score} points in {place}.
+ {winner} from {team} came first in {place}.
? winner | Who won?; Who was the winner?; Who came first?; Who scored the points?; who got the first place
? team | For which team does {winner} play?; Which team is it?; Who beat the others?; What team is named?
? score | How many points were it?; What was the score?; By how many points?; how many points
? place | Where was the race?; In which city did it happen?; Where was it?
? year | In which year was it?; When did {winner} win?; What year was that?
# book=topic who=person year=year pages=big
+ {who} wrote a book about the {book} in {year}.
+ The book about the {book} has {pages} pages.
+ In {year} {who} published {pages} pages on the {book}.
+ {who} is reading a book on the {book}.
? book | What is the book about?; What did {who} write about?; On what is the book?; subject of the book?
? who | Who wrote the book?; Who is the author?; Who reads it?; By whom is it?
? year | When was the book written?; In which year did it appear?; When was it published?
? pages | How many pages does the book have?; How long is the book?; number of pages?
# order=code who=person count=count object=object day=day price=money
+ Order {order}: {count} pieces of {object} for {who}, {price}.
+ {who} ordered {count} of the {object}; the order number is {order}.
+ Order {order} arrives on {day}.
+ {who}'s order {order} comes to {price}.
+ We sent {count} pieces of {object} to {who} on {day}.
? order | What is the order number?; Which order is it?; What number has the order?; order number?
? who | Who ordered?; Who is the customer?; For whom is the order?; Who gets it?
? count | How many were ordered?; How many pieces are it?; What quantity was ordered?
? object | What was ordered?; What did {who} order?; What is in the order?; which article is it
? day | When does it arrive?; When was it sent?; What is the delivery date?; when will it be delivered
? price | What does the order cost?; What is the total?; How much must {who} pay?; total?
# who=person old=money new=money percent=percent what=object
+ The price of the {what} went up from {old} to {new}.
+ {who} sold the {what} {percent} cheaper, for {new}.
+ The {what} now costs {new} instead of {old}.
+ {who} got {percent} off the {what}.
? who | Who sold the {what}?; Who got the discount?; Who is the person?
? old | What did the {what} cost before?; What was the old price?; How much was it earlier?
? new | What does the {what} cost now?; What is the new price?; How much is it now?
? percent | How much was the discount?; By how many percent did it change?; How much cheaper was it?
? what | What changed its price?; What was sold?; Which thing is it about?
# file=path who=person size=size day=day
+ {who} saved the file as {file} on {day}.
+ The file {file} has {size}.
+ {who} deleted {file} by mistake.
+ You find the report in {file}.
+ {file} was last changed by {who} on {day}.
? file | Which file is it?; Where is the report?; What was deleted?; What is the path of the file?
? who | Who saved the file?; Who deleted it?; Who changed the file?; Whose mistake was it?
? size | How big is the file?; What size does {file} have?; How large is it?
? day | When was the file saved?; When was it changed?; On which day was that?
# animal=word name=person age=age place=place count=count
+ {name} keeps {count} animals on a farm near {place}.
+ The farm of {name} is near {place}.
+ {name} is {age} and runs a farm with {count} cows.
? name | Who has a farm?; Whose farm is it?; Who runs the farm?; who is the farmer
? count | How many animals are there?; How many cows does {name} have?; How many does {name} keep?
? place | Where is the farm?; Near which place is it?; Where does {name} keep them?
? age | How old is the farmer?; How old is {name}?
? animal | What is the dog called?; Which dog lives there?
# project=word lead=person deadline=day budget=money count=count
+ Project {project} is led by {lead} and must be ready by {deadline}.
+ {lead} leads project {project} with a team of {count}.
+ The budget of project {project} is {budget}.
+ {count} people work on {project} until {deadline}.
+ {lead} has {budget} for {project}.
? project | Which project is it?; What is the project called?; What does {lead} lead?; name of the project?
? lead | Who leads the project?; Who is in charge of {project}?; Who heads {project}?; who is responsible
? deadline | When must it be ready?; What is the deadline?; Until when do they have time?; By which date must {project} be finished?
? budget | How much money is there?; What is the budget?; How much can they spend?; How big is the budget of {project}?
? count | How many people work on it?; How big is the team?; team size?
# flat=place rooms=count rent=money floor=count who=person size=size
+ {who} rents a flat with {rooms} rooms in {flat} for {rent} a month.
+ The flat in {flat} is on floor {floor} and costs {rent}.
+ The rent is {rent}; the flat has {size}.
+ {who} lives on floor {floor}.
? flat | Where is the flat?; In which city is the flat?; Where does {who} rent?
? rooms | How many rooms does the flat have?; how many rooms; number of rooms?
? rent | How much is the rent?; What does the flat cost?; What does {who} pay a month?
? floor | On which floor is the flat?; On what floor does {who} live?; which floor
? who | Who rents the flat?; Who lives there?; Who is the tenant?
? size | How big is the flat?; What size is the flat?
"""


@dataclass
class Scene:
    slots: dict[str, str] = field(default_factory=dict)
    sentences: list[str] = field(default_factory=list)
    questions: dict[str, list[str]] = field(default_factory=dict)


def read() -> list[Scene]:
    found: list[Scene] = []
    for line in TABLE.strip().splitlines():
        mark, rest = line[0], line[2:]
        if mark == "#":
            found.append(Scene(dict(pair.split("=") for pair in rest.split())))
        elif mark == "+":
            found[-1].sentences.append(rest)
        else:
            slot, asked = rest.split(" | ")
            found[-1].questions[slot] = asked.split("; ")
    return found


SCENES = read()


@dataclass
class Told:
    """A sentence with the values that it says, and questions about them and about others."""

    text: str
    values: dict[str, Any]
    answered: list[tuple[str, str]]  # slot and question
    open: list[tuple[str, str]]


def told(d: Draw, scene: Scene | None = None) -> Told:
    scene = scene or d.any(SCENES)
    values = {slot: SLOTS[kind](d) for slot, kind in scene.slots.items()}
    sentence = d.any(scene.sentences)
    said = {slot: value for slot, value in values.items() if f"{{{slot}}}" in sentence}
    text = sentence.format(**values)
    answered: list[tuple[str, str]] = []
    unanswered: list[tuple[str, str]] = []
    for slot, questions in scene.questions.items():
        # What the question names must be what the text names, or it would ask about another.
        fitting = [q for q in questions if all(f"{{{s}}}" not in q or s in said for s in values)]
        if not fitting:
            continue
        row = (slot, d.any(fitting).format(**values))
        (answered if slot in said else unanswered).append(row)
    # A path or the name of a machine keeps its letters.
    first = sentence[1 : sentence.index("}")] if sentence.startswith("{") else ""
    if scene.slots.get(first, "person") in ("person", "later"):
        text = text[0].upper() + text[1:]
    return Told(text, said, answered, unanswered)


@dataclass
class Note:
    """Some such sentences, of different scenes, and what can be asked of them."""

    text: str
    answered: list[tuple[str, Any]]  # question and answer
    open: list[str]
    parts: list[Told]


def note(d: Draw, most: int = 4) -> Note:
    scenes = d.rng.sample(SCENES, d.any((1, 1, 1, 2, 2, 3, most)))
    parts = [told(d, scene) for scene in scenes]
    text = d.any((" ", " ", " ", "\n")).join(part.text for part in parts)
    answered = [(q, part.values[slot]) for part in parts for slot, q in part.answered]
    unanswered = [q for part in parts for _, q in part.open]
    # What is asked of a scene that is not there, by the names that it would have.
    absent = d.any([s for s in SCENES if s not in scenes])
    unanswered += [q for _, q in told(d, absent).answered if d.chance(0.4)]
    return Note(text, answered, unanswered, parts)


def layout(d: Draw, text: str, question: str) -> str:
    kind, gap = d.rng.random(), d.any((" ", "\n", "\n\n"))
    if kind < 0.3:
        return text + gap + question
    if kind < 0.5:
        return question + gap + text
    if kind < 0.62:
        return d.any(('"{t}" {q}', "'{t}' - {q}", '{q} "{t}"', "({t}) {q}")).format(
            t=text, q=question
        )
    return frame(d, text, question)
