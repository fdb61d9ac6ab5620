"""An invented world, told in sentences: subjects with attributes, and events.

Some attributes have words of their own (who owns it), most are an arbitrary noun (the throughput of
it is 40 km); an event is an arbitrary verb with a doer, an object, a place and a time.
"""
# ruff: noqa: E501, SIM905 (tables are read by rows, word lists as words)

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .draw import ANIMALS, COLOURS, JOBS, LANGUAGES, MONTHS, WEEKDAYS, Draw, articles, long_date
from .facts import Facts
from .phrasing import loosened
from .wording import ORDER, TABLE, bare, refusing
from .words import past, plural

# key | value | statements | questions | yes or no. {s} is the subject, {v} the value. Each fifth
# statement and question is held out.
PERSON_TABLE = """
job | job | {s} works as a {v}.; {s} is a {v} by profession.; For years {s} has been a {v}.; {s} earns a living as a {v}.; By trade, {s} is a {v}.; {s} became a {v} after school.; {s} found work as a {v}.; Everyone knows {s} as a good {v}.; {s} was trained as a {v}.; {s} has a job as a {v}. | What does {s} do for a living?; What is the job of {s}?; What is {s}'s profession?; Which profession does {s} have?; What does {s} work as?; What kind of work does {s} do?; What trade does {s} follow?; How does {s} earn money?; What is {s} by trade?; Which job does {s} have? | Is {s} a {v}?
city | place | {s} lives in {v}.; The home of {s} is in {v}.; {s} moved to {v} some years ago.; {s} has a flat in {v}.; {s} is at home in {v}.; {s} settled in {v}.; {s} resides in {v}.; Since last year {s} has lived in {v}.; You will find {s} in {v}.; {s} has a house in {v}. | Where does {s} live?; In which city does {s} live?; What is the home town of {s}?; Which place is {s}'s home?; Where is {s}'s home?; Where is {s} at home?; What city does {s} live in?; In what town can one find {s}?; Where did {s} settle?; In which place does {s} live? | Does {s} live in {v}?
age | age | {s} is {v} years old.; {s} turned {v} this year.; At {v}, {s} still rides a bicycle.; {s}, aged {v}, likes long walks.; The age of {s} is {v}.; {s} has reached the age of {v}.; {s} celebrated birthday number {v}.; {s} is now {v}.; {s} is {v}.; At the age of {v}, {s} began to paint. | How old is {s}?; What is the age of {s}?; What age is {s}?; How many years old is {s}?; Tell me the age of {s}.; What age has {s} reached?; How old did {s} turn?; Which birthday did {s} celebrate?; Do you know how old {s} is?; What is {s}'s age? | Is {s} {v} years old?
pet | animal | {s} has a {v}.; {s} keeps a {v} at home.; A {v} shares the house with {s}.; {s} bought a {v} last spring.; The pet of {s} is a {v}.; {s} walks with a {v} every morning.; {s} owns a {v}.; {s} feeds a {v}.; {s} lives with a {v}.; {s} looks after a {v}. | What pet does {s} have?; Which animal does {s} keep?; What animal lives with {s}?; What kind of pet does {s} own?; Which pet belongs to {s}?; What animal does {s} look after?; Which animal did {s} buy?; What does {s} feed?; Which pet does {s} have?; What kind of animal does {s} keep? | Does {s} have a {v}?
email | email | {s} can be reached at {v}.; Write to {s} at {v}.; The address of {s} is {v}.; Mail for {s} goes to {v}.; Contact {s} under {v}.; {s} reads mail at {v}.; {s} uses {v}.; The mailbox of {s} is {v}.; The email address of {s} is {v}.; You can write to {s} at {v}. | What is the email address of {s}?; How can I reach {s} by email?; Where do I write to {s}?; Which email does {s} use?; Give me {s}'s email address.; What is {s}'s mail address?; At which address does {s} read mail?; How do I contact {s} by mail?; Which email address does {s} have?; Under which address can I reach {s}? | Is {v} the address of {s}?
team | thing | {s} belongs to the {v} team.; In the company, {s} is part of the {v} team.; {s} joined the {v} team in spring.; The {v} team counts on {s}.; {s} is in the {v} team.; {s} leads the {v} team.; {s} works in the {v} team.; {s} sits with the {v} team.; {s} is a member of the {v} team.; The {v} team has {s} as a member. | Which team does {s} belong to?; What team is {s} in?; In which team does {s} work?; What is the team of {s}?; Which team has {s} as a member?; Which team did {s} join?; What team does {s} lead?; With which team does {s} sit?; To which team does {s} belong?; What is {s}'s team? | Is {s} in the {v} team?
birth place | place | {s} was born in {v}.; {s} comes from {v}.; {s} is a native of {v}.; The birthplace of {s} is {v}.; {s} is from {v}.; {s} grew up in {v}.; The family of {s} comes from {v}.; {v} is where {s} was born.; {v} is the birthplace of {s}.; Born in {v}, {s} travelled a lot. | Where was {s} born?; Where does {s} come from?; What is the birthplace of {s}?; In which city was {s} born?; Where is {s} from?; What town is {s} a native of?; Which place does {s} come from?; Where did {s} grow up?; In what place was {s} born?; What is {s}'s birthplace? | Was {s} born in {v}?
language | language | {s} speaks {v}.; {s} learned {v} at school.; {s} teaches {v}.; The mother tongue of {s} is {v}.; {s} speaks fluent {v}.; {s} grew up with {v}.; At home {s} talks in {v}.; {s} writes letters in {v}.; {s} is fluent in {v}.; {s} can speak {v}. | Which language does {s} speak?; What language did {s} learn?; What does {s} speak?; In which language is {s} fluent?; What language does {s} speak?; What is the mother tongue of {s}?; Which language does {s} teach?; In which language does {s} talk?; In what language is {s} fluent?; Which language can {s} speak? | Does {s} speak {v}?
hobby | thing | In the evening {s} collects {v} pictures.; {s} likes to talk about the {v}.; The hobby of {s} is the {v}.; {s} spends weekends with the {v}.; {s} has the {v} as a hobby.; {s} loves the {v}.; {s} is fond of the {v}.; {s} enjoys the {v}.; {s} likes the {v}.; The great love of {s} is the {v}. | What is the hobby of {s}?; What does {s} like?; What is {s} fond of?; What does {s} enjoy?; What does {s} love?; With what does {s} spend weekends?; What hobby does {s} have?; What does {s} like to talk about?; What does {s} have as a hobby?; What is {s}'s hobby? | Does {s} like the {v}?
manager | fullname | {s} reports to {v}.; The manager of {s} is {v}.; {v} manages {s}.; {v} is the boss of {s}.; {s} has {v} as manager.; {s} works under {v}.; {s} takes orders from {v}.; {v} supervises {s}.; {v} is the manager of {s}.; {s} works for {v}. | Who manages {s}?; To whom does {s} report?; Who is the manager of {s}?; Who is the boss of {s}?; Who is {s}'s manager?; Under whom does {s} work?; Who supervises {s}?; From whom does {s} take orders?; Whom does {s} report to?; For whom does {s} work? | Is {v} the manager of {s}?
phone | phone | {s} answers the phone at {v}.; Call {s} at {v}.; The phone number of {s} is {v}.; {s} has the number {v}.; You can call {s} at {v}.; {s} can be called under {v}.; Dial {v} for {s}.; For {s}, ring {v}.; {s}'s number is {v}.; The number of {s} is {v}. | What is the phone number of {s}?; Which number does {s} have?; How can I call {s}?; Which number do I dial for {s}?; What number does {s} have?; Under which number can I call {s}?; What is {s}'s telephone number?; At what number does {s} answer?; What is the number of {s}?; What is {s}'s phone number? | Is {v} the number of {s}?
"""
ITEM_TABLE = """
colour | colour | {s} is {v}.; {s} was painted {v}.; Everyone notices {s} because it is {v}.; They ordered {s} in {v}.; The colour of {s} is {v}.; {s} comes in {v}.; {s} has a {v} surface.; In colour {s} is {v}.; They painted {s} {v}.; {s} has the colour {v}. | What colour is {s}?; Which colour does {s} have?; What is the colour of {s}?; In which colour is {s}?; Tell me the colour of {s}.; What colour did they paint {s}?; In what colour was {s} ordered?; How is {s} painted?; What colour does {s} have?; Which colour is {s}? | Is {s} {v}?
price | price | {s} costs {v}.; The price of {s} is {v}.; They ask {v} for {s}.; For {v} you can have {s}.; The cost of {s} is {v}.; A buyer paid {v} for {s}.; {s} sells for {v}.; {s} was bought for {v}.; One pays {v} for {s}.; {s} has a price of {v}. | How much does {s} cost?; What is the price of {s}?; How much is {s}?; What do they ask for {s}?; What does {s} cost?; What does one pay for {s}?; For how much does {s} sell?; How much did a buyer pay for {s}?; What price does {s} have?; How much do they ask for {s}? | Does {s} cost {v}?
owner | fullname | {s} belongs to {v}.; {v} owns {s}.; The owner of {s} is {v}.; {s} was left to {v}.; {v} is the owner of {s}.; {s} is the property of {v}.; {s} is owned by {v}.; {s} is in the hands of {v}.; {s} has {v} as owner.; {v} has owned {s} for years. | Who owns {s}?; Whose is {s}?; Who is the owner of {s}?; To whom does {s} belong?; Who does {s} belong to?; Whose property is {s}?; By whom is {s} owned?; In whose hands is {s}?; Who has {s}?; Whom does {s} belong to? | Does {s} belong to {v}?
room | room | {s} stands in {v}.; You find {s} in {v}.; {s} was moved to {v}.; They keep {s} in {v}.; {s} is in {v}.; In {v} there is {s}.; {s} is kept in {v}.; {s} can be seen in {v}.; {v} holds {s}.; {s} was put in {v}. | Where is {s}?; In which room is {s}?; Where can I find {s}?; Which room holds {s}?; Where do they keep {s}?; Where does {s} stand?; Where was {s} moved?; In what room is {s} kept?; Which room is {s} in?; Where was {s} put? | Is {s} in {v}?
year | year | {s} was made in {v}.; {s} dates from {v}.; It was in {v} that {s} was built.; {s} left the factory in {v}.; {s} was built in {v}.; A label on {s} says {v}.; {s} is from {v}.; They built {s} in {v}.; In {v}, {s} was made.; {s} was finished in {v}. | When was {s} made?; In which year was {s} made?; From which year is {s}?; What year does {s} date from?; When was {s} built?; In what year was {s} built?; Which year is {s} from?; When did {s} leave the factory?; What year was {s} made?; In which year was {s} built? | Was {s} made in {v}?
weight | weight | {s} weighs {v}.; On the scales {s} shows {v}.; The weight of {s} is {v}.; With {v} {s} is not light.; {s} has a weight of {v}.; {s} comes to {v} on the scales.; {s} is {v} in weight.; The scales show {v} for {s}.; In weight, {s} comes to {v}.; {s} weighs about {v}. | How heavy is {s}?; What does {s} weigh?; What is the weight of {s}?; How much does {s} weigh?; Tell me how heavy {s} is.; What weight does {s} have?; What do the scales show for {s}?; How much weight has {s}?; What is {s}'s weight?; Do you know what {s} weighs? | Does {s} weigh {v}?
maker | company | {s} was made by {v}.; {v} built {s}.; The maker of {s} is {v}.; {s} is a product of {v}.; {v} made {s}.; {s} comes from the workshop of {v}.; {s} was built by {v}.; {v} manufactures {s}.; {v} is the maker of {s}.; {s} is made by {v}. | Who made {s}?; Who built {s}?; Which company made {s}?; Who is the maker of {s}?; By whom was {s} made?; Who manufactures {s}?; Whose product is {s}?; From whose workshop does {s} come?; What company built {s}?; By which company was {s} made? | Was {s} made by {v}?
material | material | {s} is made of {v}.; {s} consists of {v}.; {v} is the material of {s}.; They made {s} from {v}.; The material of {s} is {v}.; {s} was carved from {v}.; {s} is pure {v}.; For {s} they took {v}.; {s} was made of {v}.; {s} is all of {v}. | What is {s} made of?; Which material is {s} made of?; Of what does {s} consist?; What material did they take for {s}?; What is the material of {s}?; From what was {s} carved?; What does {s} consist of?; Of which material is {s}?; What was {s} made of?; What material is {s} made of? | Is {s} made of {v}?
version | version | The current version of {s} is {v}.; {s} is at version {v}.; {v} is the latest release of {s}.; {s} was updated to {v}.; {s} has version {v}.; {s} runs in release {v}.; They released {s} {v}.; {s} reached {v} last month.; The version of {s} is {v}.; {s} is now at {v}. | Which version does {s} have?; What is the current version of {s}?; What is the latest release of {s}?; At which version is {s}?; What version is {s}?; To what version was {s} updated?; Which release of {s} is the latest?; What version did {s} reach?; What is the version of {s}?; Which version is {s} at? | Is {s} at version {v}?
host | host | {s} runs on {v}.; {s} is installed on {v}.; The host of {s} is {v}.; {v} serves {s}.; {s} is running on {v}.; You reach {s} at {v}.; {s} was moved to {v}.; {s} lives on {v}.; On {v}, {s} is running.; {v} runs {s}. | On which host does {s} run?; Where is {s} installed?; Which machine serves {s}?; What is the host of {s}?; Where does {s} run?; At which host do I reach {s}?; What server runs {s}?; To which machine was {s} moved?; Which host runs {s}?; On what machine is {s} running? | Does {s} run on {v}?
"""
EVENT_TABLE = """
date | date | {s} takes place on {v}.; {s} is planned for {v}.; On {v} {s} will open.; Keep {v} free for {s}.; The date of {s} is {v}.; {s} was moved to {v}.; {s} is due on {v}.; They fixed {v} for {s}.; {s} is on {v}.; {s} will take place on {v}. | When is {s}?; On which date is {s}?; What is the date of {s}?; When does {s} take place?; What day is planned for {s}?; For when is {s} planned?; To which date was {s} moved?; When is {s} due?; Which date does {s} have?; On what date does {s} take place? | Is {s} on {v}?
time | clock | {s} begins at {v}.; Doors for {s} open at {v}.; At {v} {s} starts.; Be there at {v} for {s}.; {s} starts at {v}.; The start of {s} is at {v}.; {s} kicks off at {v}.; {s} opens at {v}.; At {v}, {s} begins.; The starting time of {s} is {v}. | At what time does {s} begin?; When do I have to be at {s}?; What time does {s} start?; At which hour does {s} open?; What is the starting time of {s}?; At what time is the start of {s}?; When do doors open for {s}?; At what hour does {s} kick off?; At which time does {s} start?; What time does {s} begin? | Does {s} begin at {v}?
place | place | {s} is held in {v}.; {v} hosts {s}.; This time {s} happens in {v}.; Travel to {v} for {s}.; {s} takes place in {v}.; {s} moves to {v} this year.; {s} was given to {v}.; The place of {s} is {v}.; In {v}, {s} is held.; {s} will be held in {v}. | Where is {s} held?; Which city hosts {s}?; Where does {s} take place?; In which town is {s}?; What is the place of {s}?; Where does {s} happen?; To which city does {s} move?; Where do I travel for {s}?; In which city is {s} held?; In which place does {s} take place? | Is {s} held in {v}?
organiser | fullname | {v} organises {s}.; {s} is run by {v}.; Behind {s} stands {v}.; Questions about {s} go to {v}.; {s} is organised by {v}.; {s} was the idea of {v}.; {v} prepares {s}.; {v} is in charge of {s}.; The organiser of {s} is {v}.; {v} is responsible for {s}. | Who organises {s}?; Who runs {s}?; Who is behind {s}?; Whom do I ask about {s}?; Who is responsible for {s}?; Whose idea was {s}?; Who prepares {s}?; Who is in charge of {s}?; By whom is {s} organised?; Who is the organiser of {s}? | Does {v} organise {s}?
guests | number | {v} people will come to {s}.; {s} expects {v} guests.; There are {v} seats at {s}.; For {s}, {v} guests have signed up.; {v} guests are coming to {s}.; About {s}: {v} people are invited.; {s} had {v} visitors.; {s} is open to {v} people.; {s} expects {v} people.; {v} people have signed up for {s}. | How many people come to {s}?; How many guests does {s} have?; What number of people is expected at {s}?; How many seats are there at {s}?; How many guests are coming to {s}?; How many visitors had {s}?; To how many people is {s} open?; How many were invited to {s}?; How many people are expected at {s}?; How many guests does {s} expect? | Do {v} people come to {s}?
day | weekday | {s} falls on a {v}.; As always {s} is on a {v}.; {s} was put on a {v}.; People meet for {s} on {v}.; {s} is on a {v}.; {v} is the day of {s}.; {s} always happens on a {v}.; {s} is every {v}.; The day of {s} is {v}.; {s} was planned for a {v}. | On which day of the week is {s}?; Which weekday is {s}?; What weekday does {s} fall on?; On what day of the week do people meet for {s}?; Which day of the week is {s} on?; On what weekday was {s} put?; Which day is {s}?; On what day is {s}?; On which weekday is {s}?; What day of the week is {s}? | Is {s} on a {v}?
winner | fullname | {v} won {s}.; The winner of {s} was {v}.; First prize at {s} went to {v}.; {s} was won by {v}.; {v} was the winner of {s}.; {v} came first in {s}.; {s} ended with a victory of {v}.; {v} took the prize at {s}.; At {s}, {v} won.; In {s}, {v} was first. | Who won {s}?; Who was the winner of {s}?; Who came first in {s}?; By whom was {s} won?; Who was first in {s}?; Who took the prize at {s}?; Whose victory ended {s}?; To whom did first prize at {s} go?; Who won at {s}?; Who is the winner of {s}? | Did {v} win {s}?
"""
STATEMENTS = """The {a} of {s} is {v}.|{s} has a {a} of {v}.|For {s}, the {a} is {v}.|{v} is the {a} of {s}.|{s}: {a} {v}.|The {a} given for {s} is {v}.|With {s}, the {a} comes to {v}.|They set the {a} of {s} to {v}.|As {a}, {s} has {v}.|{s} comes with {v} as its {a}.|The list gives {v} as the {a} of {s}.|According to the label, the {a} of {s} is {v}.|Somebody noted that the {a} of {s} was {v}.|{s} was given the {a} {v}.|As for {s}, its {a} is {v}.|When it comes to {s}, the {a} is {v}.|{s} shows a {a} of {v}.|The {a}, in the case of {s}, is {v}.|{v} was chosen as the {a} for {s}.|Its {a} makes {s} special: {v}.|The {a} that belongs to {s} is {v}.|We know the {a} of {s}: {v}.|{s} stands out by its {a}, {v}.|Nobody doubts that the {a} of {s} is {v}.|In the table, {s} has the {a} {v}.|It is said that the {a} of {s} is {v}.|The {a} for {s} was recorded as {v}.|Look at {s}: the {a} is {v}.|One finds {v} under {a} for {s}.|The {a} of {s} turned out to be {v}.""".split(
    "|"
)
QUESTIONS = """What is the {a} of {s}?|Which {a} does {s} have?|Tell me the {a} of {s}.|{a} of {s}?|What {a} does {s} have?|What is given as the {a} of {s}?|What does the text say about the {a} of {s}?|Which {a} is given for {s}?|For {s}, what is the {a}?|What is the {a} that {s} has?|Find the {a} of {s}.|Do you see the {a} of {s}?|I need the {a} of {s}.|What about the {a} of {s}?|What is the {a} for {s}?|What's the {a} of {s}?|How is the {a} of {s} given?|State the {a} of {s}.|{s}: what is its {a}?|Name the {a} of {s}.|Can you give me the {a} of {s}?|What was the {a} of {s}?|Look up the {a} of {s}.|As what is the {a} of {s} recorded?|Give the {a} of {s}.|The {a} of {s}, please.|Which is the {a} of {s}?|What value does the {a} of {s} have?|Say what the {a} of {s} is.|Could you tell me the {a} of {s}?""".split(
    "|"
)
# The same, composed: so many ways to say what something is that one more is no surprise.
LINKS = """is|was|equals|amounts to|turned out to be|came to|is now|was once|has been|proved to be|is said to be|was set to|is given as|is listed as|is known to be|was noted as|reads|stands at|remains|was found to be|became|is still|was measured as|is recorded as|happens to be|appears as|is supposed to be|will be|is fixed at|seems to be|has become|was reported as|shows as|counts as|was changed to|is simply|is exactly|is marked as|would be|is given by|is believed to be|was meant to be|used to be|had to be|is thought to be""".split(
    "|"
)
SHAPES = """The {a} of {s} {l} {v}.|For {s}, the {a} {l} {v}.|The {a} {l} {v} for {s}.|With {s}, the {a} {l} {v}.|In the case of {s}, the {a} {l} {v}.|As for {s}, the {a} {l} {v}.|About {s}: the {a} {l} {v}.|{s} is here, and its {a} {l} {v}.|Of {s}, the {a} {l} {v}.|When asked about {s}, they said that the {a} {l} {v}.|Look at {s}, whose {a} {l} {v}.|This is {s}. The {a} of {s} {l} {v}.|We have {s}, and the {a} {l} {v}.|There is {s}, whose {a} {l} {v}.|Regarding {s}, the {a} {l} {v}.|In {s}, the {a} {l} {v}.|What the {a} of {s} {l}: {v}.|On the list is {s}, its {a} {l} {v}.|{s}, whose {a} {l} {v}, is well known.|Concerning {s}, its {a} {l} {v}.""".split(
    "|"
)
CLAIMS = """It is known that|Everybody says that|We read that|It was said that|They wrote that|Somebody noticed that|Note that|Remember that|It is clear that|One can see that|The report says that|In short,|As you know,|By the way,|It seems that|At present|In this list,|Of course,|They found that|It turned out that|Today|Officially,|People think that|For now,|It was noted that""".split(
    "|"
)
LEADS = """Tell me|Do you know|I want to know|Can you tell me|Could you tell me|Please say|Say|Find out|Could you say|I'd like to know|Look up|Please tell me|I need to know|Does it say|Please find out|Let me know|I wonder|Work out|Write down|Would you tell me|Explain|Check|State|Give me|Can you say""".split(
    "|"
)
CORES = """what the {a} of {s} is|which {a} {s} has|what {a} {s} has|what is given as the {a} of {s}|what {s} has as its {a}|how the {a} of {s} is given|what is the {a} of {s}|the {a} of {s}|what the {a} for {s} is|what the {a} of {s} was""".split(
    "|"
)
ASKED = "Is {v} the {a} of {s}?"
KINDS = "thing thing event award process meeting market party race fair class show lecture trip project contest concert".split()
VALUES: dict[str, Callable[[Draw], Any]] = {
    "job": lambda d: d.of(JOBS), "place": Draw.place, "age": lambda d: d.number(18, 95),
    "animal": lambda d: d.of(ANIMALS), "email": Draw.email, "thing": Draw.thing,
    "language": lambda d: d.of(LANGUAGES), "fullname": Draw.full_name, "phone": Draw.phone,
    "colour": lambda d: d.of(COLOURS), "price": lambda d: f"{d.number(3, 990)} {d.any(('euros', 'dollars', 'pounds'))}",
    "room": lambda d: d.any((f"room {d.number(1, 99)}", f"the {d.noun()}", f"the {d.adjective()} room", f"hall {d.any('ABCDEF')}")),
    "year": lambda d: d.number(1700, 2030), "weight": lambda d: f"{d.number(1, 900)} {d.any(('kg', 'grams', 'tonnes'))}",
    "company": lambda d: f"{d.word(2).capitalize()} {d.any(('Ltd', 'Works', 'and Sons', 'Industries', 'Group'))}",
    "material": Draw.noun, "version": Draw.version, "host": Draw.host,
    "date": lambda d: long_date(d.date()), "clock": Draw.clock, "number": Draw.quantity,
    "weekday": lambda d: d.any(WEEKDAYS), "month": lambda d: d.any(MONTHS), "word": Draw.common,
    "code": Draw.code, "measure": Draw.measure, "decimal": Draw.decimal, "phrase": lambda d: d.phrase(2, 3),
    "path": Draw.path, "url": Draw.url, "isodate": lambda d: d.date().isoformat(), "name": Draw.name,
}  # fmt: skip
ARBITRARY = "word word number number place fullname code measure measure thing date year clock colour decimal path url isodate version phrase name".split()


@dataclass(frozen=True)
class Attribute:
    key: str
    kind: str
    plans: tuple[str, ...]  # {s} the subject, {v} the value
    asking: tuple[str, ...]
    asked: str = ASKED
    more: tuple[str, ...] = ()  # questions that only training asks

    @property
    def questions(self) -> list[str]:
        return [q.replace("{a}", self.key) for q in self.asking]

    def statement(self, d: Draw, subject: str, value: Any) -> str:
        trained = d.split == "train" and d.chance(0.5)
        if trained and self.plans is not GENERIC[0]:
            return TABLE[self.key].statement(d, subject, value, HELD_SAID)
        plan = d.of(self.plans)
        if self.plans is GENERIC[0] and d.chance(0.5):
            plan = d.of(SHAPES).replace("{l}", link(d))
        text = plan.format(s=subject, v=value, a=self.key)
        if trained and d.chance(0.3):
            return d.any(ORDER).format(x=text.rstrip(".")) + "."
        if d.chance(0.08):
            text = f"{d.of(CLAIMS)} {text}"
        return text

    def question(self, d: Draw, subject: str) -> str:
        if d.split == "train":
            text = self.trained_question(d, subject)
            said = loosened(d, text)
            held_out = (q.format(s=subject, a=self.key) for q in self.asking[4::5])
            return text if said != text and bare(said) in refusing(held_out) else said
        return self.plain_question(d, subject)

    def trained_question(self, d: Draw, subject: str) -> str:
        if self.more and d.chance(0.4):
            return d.any(self.more)
        if self.plans and self.plans is not GENERIC[0] and d.chance(0.6):
            return TABLE[self.key].question(d, subject, HELD_ASKED)
        return self.plain_question(d, subject)

    def plain_question(self, d: Draw, subject: str) -> str:
        text = d.of(self.asking).format(s=subject, a=self.key)
        if self.asking is GENERIC[1] and d.chance(0.35):
            lead = d.of(LEADS)
            asking = lead.startswith(("Do", "Can", "Could", "Would"))
            core = d.of(CORES).format(s=subject, a=self.key)
            text = f"{lead} {core}{'?' if asking else '.'}"
        elif d.chance(0.06):
            text = f"{d.of(LEADS)}: {text}"
        return text[0].upper() + text[1:]

    def yes_no(self, subject: str, value: Any) -> str:
        return self.asked.format(s=subject, v=value, a=self.key)

    def value(self, d: Draw) -> Any:
        return VALUES[self.kind](d)


def read_table(table: str) -> list[Attribute]:
    found = []
    for row in table.strip().splitlines():
        key, kind, statements, questions, asked = (cell.strip() for cell in row.split(" | "))
        found.append(Attribute(key, kind, tuple(statements.split("; ")), tuple(questions.split("; ")), asked))  # fmt: skip
    return found


PERSON, ITEM, EVENT = (read_table(t) for t in (PERSON_TABLE, ITEM_TABLE, EVENT_TABLE))
GENERIC = tuple(STATEMENTS), tuple(QUESTIONS)
HELD_SAID = refusing(p for t in (PERSON, ITEM, EVENT) for a in t for p in a.plans[4::5])
HELD_ASKED = refusing(q for t in (PERSON, ITEM, EVENT) for a in t for q in a.asking[4::5])


PREPOSITIONS = "as at to with by in on for under into over from about after".split()


def link(d: Draw) -> str:
    """What stands between a name and its value: a phrase of the list, or any verb at all."""
    if d.chance(0.7):
        return d.of(LINKS)
    verb = past(d.verb())
    if d.chance(0.3):
        return f"{verb} {d.any(PREPOSITIONS)}"
    auxiliary = d.any(("was", "is", "has been", "got", "will be", "gets", "had been", "can be"))
    return f"{auxiliary} {verb} {d.any((*PREPOSITIONS, 'to be', 'to be'))}"


def arbitrary(d: Draw) -> Attribute:
    return Attribute(d.thing() if d.chance(0.35) else d.noun(), d.any(ARBITRARY), *GENERIC)


def subject_and_schema(d: Draw) -> tuple[str, list[Attribute]]:
    """Who or what it is about, as it stands in a sentence, and what may be said of it."""
    kind = d.rng.random()
    if kind < 0.35:
        name = d.full_name() if d.chance(0.5) else d.name()
        return name, [*d.rng.sample(PERSON, d.number(3, 6)), arbitrary(d)]
    if kind < 0.65:
        subject = d.any((f"the {d.thing()}", f"the {d.adjective()} {d.noun()}", f"{d.word(2).capitalize()} {d.number(2, 900)}", f"the {d.of(COLOURS)} {d.noun()}", d.word(d.number(2, 3)).capitalize(), d.code(), f"the {d.noun()} {d.word(2).capitalize()}"))  # fmt: skip
        schema = d.rng.sample(ITEM, d.number(1, 4))
        return subject, [*schema, *(arbitrary(d) for _ in range(d.number(1, 4)))]
    if kind < 0.85:
        subject = f"the {d.noun()} {d.any(KINDS[2:])}"
        return subject, [*d.rng.sample(EVENT, d.number(3, 6)), arbitrary(d)]
    subject = d.any((d.word(2).capitalize(), f"the {d.thing()}", f"project {d.word(2).capitalize()}", d.full_name()))  # fmt: skip
    return subject, [arbitrary(d) for _ in range(d.number(3, 6))]


DEEDS = """{w} {p} {o}.|It was {w} who {p} {o}.|{o} was {p} by {w}.|We heard that {w} {p} {o}.|{w} finally {p} {o}.|In the end {w} {p} {o}.|Nobody but {w} {p} {o}.|They say that {w} {p} {o}.|Then {w} {p} {o}.|As planned, {w} {p} {o}.""".split(
    "|"
)
TIMES = """on {t}|at {c}|last {k}|in {y}|in {m}|on a {k}|before {c}|around {c}|since {y}|after {t}""".split(
    "|"
)
WHERES = "in {l}|near {l}|outside {l}|at {l}|not far from {l}|close to {l}|in the {n} of {l}|by the {n}|behind the {n}|under the {n}".split("|")  # fmt: skip
WHO = "Who {p} {o}?|By whom was {o} {p}?|Who was it that {p} {o}?|Which person {p} {o}?|Who {p} {o} then?|Tell me who {p} {o}.|Name the one who {p} {o}.|Do you know who {p} {o}?|Who has {p} {o}?|Can you say who {p} {o}?".split("|")  # fmt: skip
DID_WHAT = "What did {w} {b}?|What was it that {w} {p}?|What was {p} by {w}?|Tell me what {w} {p}.|Which thing did {w} {b}?|What has {w} {p}?|Name what {w} {p}.|Say what {w} {p}.|What exactly did {w} {b}?|Do you know what {w} {p}?".split("|")  # fmt: skip
WHERE = "Where did {w} {b} {o}?|In which place did {w} {b} {o}?|Where was {o} {p}?|Where was it that {w} {p} {o}?|Tell me where {w} {p} {o}.|In what place was {o} {p}?|Where exactly did {w} {b} {o}?|Say where {w} {p} {o}.|Do you know where {w} {p} {o}?|At which place was {o} {p}?".split("|")  # fmt: skip
WHEN = "When did {w} {b} {o}?|When was {o} {p}?|At what time did {w} {b} {o}?|When was it that {w} {p} {o}?|Tell me when {w} {p} {o}.|Say when {o} was {p}.|When exactly did {w} {b} {o}?|When has {w} {p} {o}?|Do you know when {w} {p} {o}?|Which time is given for when {w} {p} {o}?".split("|")  # fmt: skip
# The same for training alone.
MORE_DEEDS = """{w} has {p} {o}.|{w} {p} {o} without help.|First {w} {p} {o}.|Once {w} {p} {o}.|After that {w} {p} {o}.|{w} was the one that {p} {o}.|Nobody knew why {w} {p} {o}.|{o} was {p}, and {w} did it.|{w}, as so often, {p} {o}.|Soon {w} {p} {o}.|{w} must have {p} {o}.|To our surprise {w} {p} {o}.|I saw how {w} {p} {o}.|Later {w} {p} {o}.|By mistake {w} {p} {o}.|{w} had already {p} {o}.""".split(
    "|"
)
MORE_TIMES = "by {c}|every {k}|shortly before {c}|in the spring of {y}|two days after {t}|early on {k}|late in {m}|some time in {y}|towards {c}|on the evening of {t}".split("|")  # fmt: skip
MORE_WHERES = "beside {l}|on the way to {l}|east of {l}|in front of the {n}|next to the {n}|on the {n}|at the {n} in {l}|above the {n}|over in {l}|south of {l}|inside the {n}|opposite the {n}|beyond {l}".split("|")  # fmt: skip
MORE_ASKED = {
    "who": "{o} was {p} by whom?|Somebody {p} {o}. Who?|Who is said to have {p} {o}?|Which one of them {p} {o}?|Who did {b} {o}?|Who had {p} {o}?|What's the name of the one that {p} {o}?|Who could it be that {p} {o}?|{o}: who {p} it?|Who of them {p} {o}?|Give the name of the person that {p} {o}.|I'd like to know who {p} {o}.|who {p} {o}|Find who {p} {o}.|Does it say who {p} {o}?|Whose doing was it that {o} was {p}?",
    "what": "What was it {w} {p}?|What is said to have been {p} by {w}?|{w} {p} something. What?|What things did {w} {b}?|{w} {p} what?|What had {w} {p}?|I'd like to know what {w} {p}.|What got {p} by {w}?|Find what {w} {p}.|what did {w} {b}|Give what {w} {p}.|Does it say what {w} {p}?|What all was {p} by {w}?|What could {w} have {p}?|Something was {p} by {w}: what?",
    "where": "{o} was {p} where?|Where has {w} {p} {o}?|Where did it happen that {w} {p} {o}?|Where was {w} when {o} was {p}?|I'd like to know where {o} was {p}.|Find where {w} {p} {o}.|where was {o} {p}|Where about was {o} {p}?|What is the place where {w} {p} {o}?|Give the place where {o} was {p}.|Does it say where {w} {p} {o}?|Where, they say, was {o} {p}?|Where in the world did {w} {b} {o}?|Somewhere {w} {p} {o}. Where?",
    "when": "{o} was {p} when?|When did it happen that {w} {p} {o}?|I'd like to know when {o} was {p}.|Find when {w} {p} {o}.|when was {o} {p}|What is the time when {w} {p} {o}?|Give the time when {o} was {p}.|Does it say when {w} {p} {o}?|At what point did {w} {b} {o}?|When, they say, was {o} {p}?|How long ago was {o} {p}, when?|One day {w} {p} {o}. When?|On what occasion was {o} {p}, when?",
}  # fmt: skip
DEED_ASKED = "Is it right that {w} {p} {o}?"


@dataclass
class Story:
    text: str
    known: list[tuple[str, Attribute, Any]]
    missing: list[tuple[str, Attribute]]


def deed(d: Draw) -> tuple[str, list[tuple[str, Attribute, Any]], list[tuple[str, Attribute]]]:
    """An event in one sentence: what can be asked about it, and what it leaves open."""
    verb, who = d.verb(), d.full_name() if d.chance(0.5) else d.name()
    thing = d.thing() if d.chance(0.6) else f"{d.number(2, 90)} {plural(d.noun())}"
    what = thing if thing[0].isdigit() else f"the {thing}"
    wheres, times, deeds = WHERES, TIMES, DEEDS
    if d.split == "train":
        wheres, times, deeds = (
            more if d.chance(0.4) else plans
            for plans, more in ((WHERES, MORE_WHERES), (TIMES, MORE_TIMES), (DEEDS, MORE_DEEDS))
        )
    where = d.of(wheres).format(l=d.place(), n=d.noun()) if d.chance(0.6) else ""
    when = d.of(times).format(t=long_date(d.date()), c=d.clock(), k=d.any(WEEKDAYS), y=d.number(1800, 2030), m=d.any(MONTHS)) if d.chance(0.6) else ""  # fmt: skip
    slots = {"w": who, "p": past(verb), "b": verb, "o": what}
    sentence = d.of(deeds).format(**slots).rstrip(".")
    sentence = sentence.replace(f"{what} was", f"{what} {'were' if thing[0].isdigit() else 'was'}")
    extra = [part for part in (where, when) if part]
    d.rng.shuffle(extra)
    sentence = f"{extra[0]}, {sentence}" if extra and d.chance(0.25) else " ".join([sentence, *extra])  # fmt: skip
    if extra and sentence.startswith(extra[0] + ",") and len(extra) == 2:
        sentence += " " + extra[1]

    def asks(plans: list[str], key: str, value: str) -> tuple[str, Attribute, Any]:
        filled = tuple(articles(p.format(**slots)) for p in plans)
        more = tuple(articles(p.format(**slots)) for p in MORE_ASKED[key].split("|"))
        return who, Attribute(key, "word", (), filled, DEED_ASKED.format(**slots), more), value

    known = [asks(WHO, "who", who), asks(DID_WHAT, "what", what)]
    missing: list[tuple[str, Attribute]] = []
    for plans, key, value in ((WHERE, "where", where), (WHEN, "when", when)):
        row = asks(plans, key, value)
        if value:
            known.append(row)
        else:
            missing.append(row[:2])
    return sentence + ".", known, missing


def filler(d: Draw, facts: Facts | None) -> str:
    """A sentence that says something else: invented, or from a held-in page of the documentation."""
    passages = facts.by_split[d.split] if facts is not None else []
    if passages and d.chance(0.4):
        return d.any(passages).text.split(". ")[0].rstrip(".") + "."
    if d.chance(0.5):
        return deed(d)[0]
    text = d.sentence()
    return text[0].upper() + text[1:] + "."


def story(d: Draw, subjects: int | None = None, facts: Facts | None = None) -> Story:
    """A few subjects with some of their attributes told, and some left out, and a few events."""
    known: list[tuple[str, Attribute, Any]] = []
    missing: list[tuple[str, Attribute]] = []
    blocks: list[list[str]] = []  # sentences that stay together
    names: set[str] = set()
    first: tuple[str, list[Attribute]] | None = None
    loose = d.chance(0.3)  # sentences in any order, so each must name its subject
    for _ in range(subjects or d.any((1, 1, 2, 2, 3, 4))):
        subject, schema = subject_and_schema(d)
        if first is not None and d.chance(0.5):  # the same kind of thing: a rival
            subject, schema = subject_like(d, first[0]), first[1]
        first = first or (subject, schema)
        if subject in names:
            continue
        names.add(subject)
        schema = list({a.key: a for a in schema}.values())
        told = d.rng.sample(schema, d.number(1, max(1, len(schema) - 1)))
        missing += [(subject, a) for a in schema if a not in told]
        lines = []
        for place, a in enumerate(told):
            value = a.value(d)
            shown = subject
            if place and not loose and d.chance(0.4):
                shown = short(subject)
            lines.append(a.statement(d, shown, value))
            known.append((subject, a, value))
        blocks += [[line] for line in lines] if loose else [lines]
    if subjects is None:
        for _ in range(d.any((0, 0, 0, 1, 2, 3))):
            line, more, open_ones = deed(d)
            if more[0][0] not in names:
                names.add(more[0][0])
                blocks.append([line])
                known += more
                missing += open_ones
    if loose:
        d.rng.shuffle(blocks)
    for _ in range(d.any((0, 0, 1, 2, 3))):
        blocks.insert(d.number(0, len(blocks)), [filler(d, facts)])
    joiner = d.any((" ", " ", " ", " ", "\n"))
    sentences = (line[0].upper() + line[1:] for block in blocks for line in block)
    return Story(articles(joiner.join(sentences)), known, missing)


def short(subject: str) -> str:
    """How a subject is named again."""
    if subject.startswith("the "):
        return "it"
    words = subject.split()
    return words[0] if len(words) == 2 and words[1].isalpha() else subject


def subject_like(d: Draw, subject: str) -> str:
    """Another one of the same kind."""
    if subject.startswith("the ") and len(subject.split()) > 2:
        words = subject.split()
        return " ".join([*words[:-2], d.noun(), words[-1]])
    if subject.startswith("the "):
        return f"the {d.noun()}"
    if subject[0].isupper() and subject.replace(" ", "").isalpha():
        return d.full_name() if " " in subject else d.name()
    return d.code() if any(c.isdigit() for c in subject) else d.word(2).capitalize()
