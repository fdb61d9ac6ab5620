"""Heads: how training says what it wants done, before or after it has told the details.

Training alone draws from here. What the test draws of `functions.HEADS`, `ASKING`, `WANTED` and of the verbs of an
action is refused as the tables are read.
"""
# ruff: noqa: E501, SIM905 (tables are read by rows, word lists as words)

from __future__ import annotations

from .draw import Draw
from .functions import ACTIONS, ASKING, HEADS, WANTED
from .mentions import allowed
from .signatures import Function
from .words import IRREGULAR, participle, past, plural

# {verb} the verb, {noun} the noun with its article. What ends in ? is a question.
ORDERS = """{Verb} {noun}|{Verb} {noun}|{Verb} {noun}|{verb} {noun}|{Verb} {noun} for me|{Verb} {noun} for us|{Verb} {noun}, please|Please {verb} {noun}|Please {verb} {noun} for me|Please go and {verb} {noun}|Please just {verb} {noun}|Just {verb} {noun}|Simply {verb} {noun}|Quickly {verb} {noun}|Now please {verb} {noun}|First {verb} {noun}|Then {verb} {noun}|Again, {verb} {noun}|So {verb} {noun}|OK, {verb} {noun}|Alright, {verb} {noun}|Hey, {verb} {noun}|Ember, {verb} {noun}|Assistant, {verb} {noun}|Hi, {verb} {noun}|Do me a favour and {verb} {noun}|Be a dear and {verb} {noun}|Go {verb} {noun}|Go on, {verb} {noun}|Try to {verb} {noun}|Try and {verb} {noun}|See if you can {verb} {noun}|See to it that you {verb} {noun}|Remember to {verb} {noun}|Don't forget to {verb} {noun}|Be sure to {verb} {noun}|Feel free to {verb} {noun}|Get ready to {verb} {noun}|Have a go: {verb} {noun}|One thing: {verb} {noun}|Task: {verb} {noun}|To do: {verb} {noun}|Todo: {verb} {noun}|Job: {verb} {noun}|Order: {verb} {noun}|Request: {verb} {noun}|Next step: {verb} {noun}|Action: {verb} {noun}|Here's a job: {verb} {noun}|What to do: {verb} {noun}|The task is to {verb} {noun}|The plan is to {verb} {noun}|The idea is to {verb} {noun}|The goal is to {verb} {noun}|Your job is to {verb} {noun}|Your task: {verb} {noun}|What I want is to {verb} {noun}|What we need is to {verb} {noun}|All I want is to {verb} {noun}|I want you to {verb} {noun}|I need you to {verb} {noun}|I'd love you to {verb} {noun}|I'd like you to {verb} {noun}|I would like to {verb} {noun}|I'd love to {verb} {noun}|I have to {verb} {noun}|I must {verb} {noun}|I've got to {verb} {noun}|I gotta {verb} {noun}|I wanna {verb} {noun}|I'm trying to {verb} {noun}|I am about to {verb} {noun}|I was going to {verb} {noun}|I'm supposed to {verb} {noun}|I was told to {verb} {noun}|I was asked to {verb} {noun}|I promised to {verb} {noun}|I forgot to {verb} {noun}|I can't {verb} {noun} myself|I don't know how to {verb} {noun}|I'm not able to {verb} {noun}|I hope you can {verb} {noun}|I think we should {verb} {noun}|I think it's best to {verb} {noun}|I guess you can {verb} {noun}|We want to {verb} {noun}|We need to {verb} {noun}|We'd like to {verb} {noun}|We should {verb} {noun}|We must {verb} {noun}|We ought to {verb} {noun}|We decided to {verb} {noun}|We were asked to {verb} {noun}|We are going to {verb} {noun}|My boss wants me to {verb} {noun}|My boss says to {verb} {noun}|The boss wants us to {verb} {noun}|A customer wants us to {verb} {noun}|A friend wants to {verb} {noun}|My wife wants to {verb} {noun}|Somebody has to {verb} {noun}|Someone should {verb} {noun}|They want us to {verb} {noun}|They need to {verb} {noun}|The team has to {verb} {noun}|You can {verb} {noun} now|You may {verb} {noun}|You need to {verb} {noun}|You'd better {verb} {noun}|You have to {verb} {noun}|It would be nice to {verb} {noun}|It would be great if you could {verb} {noun}|It'd be good to {verb} {noun}|It would help to {verb} {noun}|It's best to {verb} {noun}|It is necessary to {verb} {noun}|It's urgent to {verb} {noun}|It's about time to {verb} {noun}|There is a need to {verb} {noun}|Let us {verb} {noun}|Let me {verb} {noun}|Let's quickly {verb} {noun}|Let's go and {verb} {noun}|Help us {verb} {noun}|Help me to {verb} {noun}|Assist me to {verb} {noun}|I need help to {verb} {noun}|I could use some help to {verb} {noun}|Allow me to {verb} {noun}|If you can, {verb} {noun}|If you don't mind, {verb} {noun}|When you can, {verb} {noun}|When you have time, {verb} {noun}|As soon as possible, {verb} {noun}|As agreed, {verb} {noun}|As usual, {verb} {noun}|Like last time, {verb} {noun}|For my boss, {verb} {noun}|For the meeting, {verb} {noun}|Before lunch, {verb} {noun}|In order to get on, {verb} {noun}|Without delay, {verb} {noun}|Right away, {verb} {noun}|Use your tools to {verb} {noun}|Use a function to {verb} {noun}|{Verb} {noun} now|{Verb} {noun} right away|{Verb} {noun} at once|{Verb} {noun} again|{Verb} {noun}, will you|{Verb} {noun}, would you|{Verb} {noun} if you can|Can you {verb} {noun} for me?|Can you please {verb} {noun}?|Can you quickly {verb} {noun}?|Can you help me {verb} {noun}?|Can we {verb} {noun}?|Can I {verb} {noun}?|Can I get you to {verb} {noun}?|Can someone {verb} {noun}?|Could you please {verb} {noun}?|Could you {verb} {noun} for me?|Could you help me to {verb} {noun}?|Could you quickly {verb} {noun}?|Could we {verb} {noun}?|Could I ask you to {verb} {noun}?|Could somebody {verb} {noun}?|Would you please {verb} {noun}?|Would you mind if we {verb} {noun}?|Would you be able to {verb} {noun}?|Would it be possible to {verb} {noun}?|Will you {verb} {noun}?|Will you please {verb} {noun}?|Won't you {verb} {noun}?|Are you able to {verb} {noun}?|Are we ready to {verb} {noun}?|Do you think you can {verb} {noun}?|Do you mind helping me {verb} {noun}?|May I ask you to {verb} {noun}?|May we {verb} {noun}?|Might we {verb} {noun}?|Shall we {verb} {noun}?|Should we {verb} {noun}?|Is it OK to {verb} {noun}?|Is there a way to {verb} {noun}?|Is it time to {verb} {noun}?|How can I {verb} {noun}?|How do I {verb} {noun}?|How could we {verb} {noun}?|Why don't you {verb} {noun}?|Why not {verb} {noun}?|What if you {verb} {noun}?|Any chance you could {verb} {noun}?|Any way to {verb} {noun}?|Do you have time to {verb} {noun}?|Ready to {verb} {noun}?|Mind if we {verb} {noun}?|Who can {verb} {noun}?""".split(
    "|"
)
# What asks for something to be told. {bare} is the noun, {n} the same with its article.
QUESTIONS = """The {bare}|The {bare}, please|{Bare}|{Bare}|{Bare}, please|{bare}?|{Bare}?|My {bare}|{Bare} please|Now the {bare}|Just the {bare}|And the {bare}|And the {bare}?|So, the {bare}?|Next the {bare}|What's the {bare} now?|What's our {bare}?|What is our {bare}?|What's my {bare}?|What is this {bare}?|What's that {bare}?|What {bare} do we have?|What {bare} do you have?|What {bare} is it?|What about a {bare}?|What of the {bare}?|What was the {bare}?|What can you tell me about the {bare}?|What do you know about the {bare}?|What do we know of the {bare}?|What happened to the {bare}?|What is going on with the {bare}?|What's up with the {bare}?|What's new with the {bare}?|What's happening with the {bare}?|How about the {bare}?|How are things with the {bare}?|How is my {bare}?|How's the {bare}?|How is our {bare} doing?|How is the {bare} doing?|How's it going with the {bare}?|Which {bare} is it?|Which {bare} is there?|Which {bare} do you have?|Where is the {bare}?|Where do I find the {bare}?|Where can I see the {bare}?|Where's the {bare}?|Is there a {bare}?|Is there any {bare}?|Are there any {bares}?|Do we have a {bare}?|Do you have the {bare}?|Do you have a {bare}?|Do you see the {bare}?|Have you got the {bare}?|Has anyone got the {bare}?|Can I see the {bare}?|Can I have the {bare}?|Can I get the {bare}?|Can you find the {bare}?|Can you show me the {bare}?|Can you give me the {bare}?|Can you say what the {bare} is?|Could you show the {bare}?|Could you look at the {bare}?|Could you tell me about the {bare}?|Could we see the {bare}?|Would you tell me the {bare}?|Would you have the {bare}?|May I see the {bare}?|May I have the {bare}?|Might I see the {bare}?|I want the {bare}|I'd like the {bare}|I would like to see the {bare}|I'd like to know the {bare}|I want to see the {bare}|I need to see the {bare}|I need to know the {bare}|I must know the {bare}|I have to see the {bare}|I have to know about the {bare}|I'm looking for the {bare}|I am interested in the {bare}|I'm curious about the {bare}|I wonder about the {bare}|I wonder what the {bare} is|I was wondering about the {bare}|I ask for the {bare}|I'm asking for the {bare}|I'm after the {bare}|I can't find the {bare}|I don't know the {bare}|I forgot the {bare}|I'm waiting for the {bare}|We need the {bare}|We want the {bare}|We'd like to see the {bare}|We are looking for the {bare}|We have to know the {bare}|They want to know the {bare}|They asked for the {bare}|My boss wants the {bare}|My boss asks for the {bare}|Somebody wants to see the {bare}|Tell me about the {bare}|Tell us the {bare}|Tell me what the {bare} is|Tell me what the {bare} looks like|Tell me how the {bare} is|Show the {bare}|Show us the {bare}|Show me what {bare} there is|Show me my {bare}|Give us the {bare}|Give me a {bare}|Give me what you have on the {bare}|Let me know the {bare}|Let me have the {bare}|Let me look at the {bare}|Let us see the {bare}|Let's see the {bare}|Let's have the {bare}|Let's have a look at the {bare}|Have a look at the {bare}|Take a look at the {bare}|Look at the {bare}|Look for the {bare}|Look up the {bare}|Check the {bare}|Get me the {bare}|Get the {bare}|Get us the {bare}|Fetch me the {bare}|Bring me the {bare}|Bring up the {bare}|Pull up the {bare}|Find me the {bare}|Find the {bare}|Report the {bare}|Info on the {bare}|Info about the {bare}|Information on the {bare}, please|Details of the {bare}|Details on the {bare}, please|News of the {bare}|Wanted: the {bare}|Needed: the {bare}|Question: what is the {bare}?|Please show the {bare}|Please show me the {bare}|Please tell me the {bare}|Please give me the {bare}|Please find the {bare}|Please let me see the {bare}|Please say what the {bare} is|Please look at the {bare}|Put the {bare} in front of me|Read me the {bare}|Say what the {bare} is|Explain to me what the {bare} is|State the {bare}|Name the {bare}""".split(
    "|"
)
# With a participle.
PASSIVES = """I need {noun} {past} today|I'd like {noun} {past}|I'd like to have {noun} {past}|I'd like to see {noun} {past}|I'd love to have {noun} {past}|We want {noun} {past}|We need {noun} {past}|We need to have {noun} {past}|We'd like to get {noun} {past}|I want to have {noun} {past}|I want to get {noun} {past}|I want to see {noun} {past}|I have to get {noun} {past}|I must have {noun} {past}|I expect {noun} to be {past}|I want {noun} to be {past}|We want {noun} to be {past}|They want {noun} to be {past}|They want {noun} {past}|My boss wants {noun} {past}|The boss expects {noun} to be {past}|{Noun} has to be {past}|{Noun} must be {past} now|{Noun} needs to be {past}|{Noun} ought to be {past}|{Noun} is to be {past}|{Noun} wants to be {past}|{Noun} can be {past} now|{Noun} may be {past}|{Noun} still has to be {past}|{Noun} still needs to be {past}|{Noun} hasn't been {past} yet|{Noun} isn't {past} yet|{Noun} was never {past}|{Noun} is waiting to be {past}|{Noun}: to be {past}|{Noun}, {past}, please|Please have {noun} {past}|Please get {noun} {past}|Please see that {noun} gets {past}|Please make sure that {noun} is {past}|Make sure {noun} is {past}|Make sure {noun} gets {past}|Make certain that {noun} is {past}|See to it that {noun} is {past}|See that {noun} gets {past}|Take care that {noun} is {past}|Let {noun} be {past}|Let's get {noun} {past}|Let's have {noun} {past}|Can {noun} be {past}?|Can you have {noun} {past}?|Can you get {noun} {past}?|Can we get {noun} {past}?|Can I get {noun} {past}?|Can I have {noun} {past}?|Could you get {noun} {past}?|Could we have {noun} {past}?|Could you see that {noun} gets {past}?|Should {noun} be {past}?|Shouldn't {noun} be {past}?|Would you have {noun} {past}?|Would you get {noun} {past}?|Is it possible to have {noun} {past}?|How do I get {noun} {past}?|Who gets {noun} {past}?|It is time {noun} was {past}|It's time to get {noun} {past}|I'm for {ing} {noun}|I'm thinking of {ing} {noun}|I insist on {ing} {noun}|I need your help with {ing} {noun}|I need help {ing} {noun}|I need a hand {ing} {noun}|I'd appreciate you {ing} {noun}|We are {ing} {noun}|We're thinking about {ing} {noun}|We're busy {ing} {noun}|Thanks for {ing} {noun}|Help me with {ing} {noun}|Help with {ing} {noun}|How about {ing} {noun}?|What about {ing} {noun}?|Would you mind {ing} {noun}?|Do you mind {ing} {noun}?|Can you help with {ing} {noun}?|Can you take care of {ing} {noun}?|Could you see about {ing} {noun}?|Take care of {ing} {noun}|Start {ing} {noun}|Try {ing} {noun}|It's about {ing} {noun}|This is about {ing} {noun}|My request: {ing} {noun}""".split(
    "|"
)
# More verbs of each action that training has, by the first verb of its name.
VERBS = """
get | give, bring me, bring, find, see, let me see, check on, pull up, pull, load, call up, retrieve, obtain, query, view, look at, bring up, report, tell us, show us, present, say, get hold of, grab
delete | delete, trash, bin, scrap, dump, purge, cancel, clear, clear out, take out, take away, get rid of, do away with, dispose of, eliminate, rub out, strike, strip, cut, eradicate, scratch, kill, blot out
create | create, generate, build, form, compose, write, produce, introduce, register, establish, open, open up, originate, construct, draft, put together, put in, come up with, make me, give me, have, define, bring into being
update | update, refresh, renew, fix, tweak, rework, rewrite, touch up, tune, bring up to date, make changes to, redo, improve, amend, modernise, rectify, replace, put right, adapt, reset, overwrite, revamp
search | search through, search, look through, go looking for, spot, discover, dig up, dig out, check for, get, see, show me, show, trace, fish out, pinpoint, turn up, browse for, browse, find me, look around for
list | list, list up, show, give, give us, tell me, see, let me see, run through, read out, read me, set out, itemise, write out, put out, get, display, bring up, call up, catalogue, spell out, lay out, count off, go over
schedule | schedule, set, set a time for, set a date for, line up, put on the calendar, put in the diary, program, slot in, make a plan for, prepare, settle, time, set in, get ready, lay on, coordinate, agree on, find a date for, put on the agenda
start | start up, boot, boot up, get started with, open, turn on, switch on, power up, set off, set going, bring up, spin up, set in motion, activate, enable, get off the ground, commence, put into action, let loose, crank up
stop | stop, finish, kill, close, close down, cease, turn off, switch off, put an end to, interrupt, pause, suspend, wind up, drop, scrap, bring down, put a stop to, shut off, get out of, give up, power down
open | open up, show me, look into, go to, go into, get, call up, take me to, bring me to, read, see, inspect, start, have a look at, take a look at, jump to, visit, unfold, unlock
calculate | work on, count up, count, add up, sum up, find, find out, get, reckon, measure, give me, tell me, guess, judge, derive, solve, quantify, gauge, value, rate, project, forecast
move | move over, send, drag, haul, transport, carry, deliver, displace, reposition, place, bring over, transplant, convey, shove, pass, remove, slide, ship, transfer over, switch
convert | make over, adapt, modify, reshape, rewrite, redo, write, remodel, exchange, swap, alter, transpose, bring, cast, port, reformat
play | play me, put on for me, hear, listen to, start playing, begin, run, show, show me, get going, let us hear, let's hear, let's watch, let's listen to, see, enjoy, fire up, give me, air, present
track | track, track down, check on, stay on top of, keep up with, keep tabs on, look after, see to, check, log, record, note, pursue, shadow, chase, look out for, have an eye on, stay with, measure
buy | buy me, buy us, get me, get us, get hold of, pay, settle, take, invest in, shop for, snap up, grab, pick up, lay in, spend money on, bring home, bring me, order me, go and buy
""".strip()
# More actions: verbs of the name | verbs of a request.
MORE_ACTIONS = """
copy, duplicate, clone, replicate | copy, duplicate, clone, make a copy of, make another of, replicate, double, reproduce, photocopy, mirror
save, store, keep, persist, archive | save, store, keep, put away, archive, preserve, file away, hold on to, stow, back up, retain
share, publish, release, announce | share, publish, release, make public, put out, announce, post, spread, give out, broadcast, make available
approve, accept, confirm, allow | approve, accept, allow, say yes to, agree to, give a go to, let through, okay, sign off, authorise, permit, grant
reject, deny, decline, refuse | reject, deny, decline, refuse, turn down, say no to, dismiss, veto, send back, disallow, forbid
lock, block, protect, secure | lock, block, protect, secure, lock up, seal, guard, bar, shut, safeguard, close off
unlock, unblock, release, free | unlock, unblock, free, let go, set free, liberate, open, make accessible, give access to
compare, diff, match, contrast | compare, contrast, match, diff, tell the difference of, hold against each other, set side by side, weigh, relate
install, deploy, setup, mount | install, deploy, mount, put on, put in place, roll out, get installed, fit, ship, bring in
sort, order, rank, arrange | sort, rank, put in order, bring into order, line up, grade, rate, sequence, classify
filter, select, pick, choose | filter, select, pick, choose, pick out, single out, narrow down, sift, take, opt for, go for, decide on
merge, combine, join, unite | merge, combine, join, unite, put together, bring together, blend, fuse, unify, mix, pool
split, divide, separate, cut | split, divide, separate, cut, cut up, break up, take apart, break into parts, partition, slice
assign, allocate, give, delegate | assign, allocate, give, delegate, hand, hand over, allot, entrust, pass, grant
rate, score, grade, review | rate, score, grade, review, give marks to, give stars to, judge, assess, evaluate
repair, fix, restore, recover | repair, fix, restore, recover, mend, bring back, get working again, put right, patch, rescue, heal
pay, settle, refund, charge | pay, settle, pay for, pay off, refund, clear, cover, square, reimburse, take care of paying
log, record, register, report | log, record, register, write down, take down, put on record, note down, enter, report, jot down, make a note of
export, download, extract, dump | export, download, extract, dump, pull out, get out, save, take out, unload, draw off
import, upload, load, ingest | import, upload, load, bring in, put in, take in, read in, feed in, ingest, pull in
enable, activate, turn_on | enable, activate, turn on, switch on, put on, get going, set active, allow, start using
disable, deactivate, turn_off | disable, deactivate, turn off, switch off, put off, set inactive, forbid, stop using, kill
subscribe, join, enroll, follow | subscribe to, join, enrol in, sign up to, become a member of, take part in, get into, enter
clean, clear, reset, empty | clean, clear, reset, empty, wipe, tidy, clean up, clear up, make empty, flush, sweep, wash
measure, count, weigh, scan | measure, count, weigh, scan, take the measure of, gauge, size up, read, sample
describe, explain, summarize, define | describe, explain, sum up, define, tell me about, outline, tell me more of, make clear, put in words, characterise, clarify
print, export, draw, render | print, print out, draw, render, put on paper, plot, sketch, make a picture of, output
notify, alert, warn, remind | notify me of, alert me to, warn me of, remind me of, tell me of, ping me about, let me know of, call my attention to
connect, attach, link, pair | connect, attach, link, pair, hook up, plug in, tie, couple, fasten, bind
adjust, tune, configure, calibrate | adjust, tune, configure, calibrate, set up, fine-tune, fiddle with, tweak, regulate, change the settings of
water, feed, heat, cool | take care of, look after, see to, tend, mind, attend to, treat
restart, reboot, reload, resume | restart, reboot, reload, resume, start anew, start over, bounce, bring back up, go on with, continue, relaunch
inspect, examine, analyze, diagnose | inspect, examine, analyse, diagnose, look over, study, take apart, investigate, explore, go into, dissect
"""


def verb_table() -> tuple[dict[str, tuple[str, ...]], list[tuple[tuple[str, ...], tuple[str, ...]]]]:  # fmt: skip
    """Verbs by the name of an action, and further actions; none with a pair that is held out."""
    rows = [(tuple(names), tuple(verbs)) for names, verbs in ACTIONS]
    held = {(name, verb) for names, verbs in rows[4::5] for name in names for verb in verbs}
    held |= {(name, verb) for names, verbs in rows for name in names for verb in verbs[4::5]}
    more: dict[str, tuple[str, ...]] = {}
    for line in VERBS.splitlines():
        key, listed = (cell.strip() for cell in line.split(" | "))
        names, verbs = next(row for row in rows if row[0][0] == key)
        mine = verbs + tuple(listed.split(", "))
        more[key] = tuple(dict.fromkeys(v for v in mine if not any((n, v) in held for n in names)))
    actions = []
    for line in MORE_ACTIONS.strip().splitlines():
        names, verbs = (tuple(cell.strip().split(", ")) for cell in line.split(" | "))
        names = tuple(n for n in names if not any(n in held_names for held_names, _ in rows[4::5]))
        kept = tuple(v for v in verbs if not any((n, v) in held for n in names))
        actions.append((names, kept))
    return more, actions


MORE_VERBS, FURTHER = verb_table()
KNOWN = [row for i, row in enumerate(ACTIONS) if i % 5 != 4]
ORDERS_ALLOWED = allowed(ORDERS, HEADS[4::5])
QUESTIONS_ALLOWED = allowed(QUESTIONS, ASKING[4::5])
PASSIVES_ALLOWED = allowed(PASSIVES, WANTED[4::5])
TOLD = frozenset("get fetch read show retrieve query list search find lookup check calculate compute measure describe".split())  # fmt: skip
ARTICLES = ("the", "the", "the", "a", "my", "this", "our", "that", "one", "your", "his", "their", "some", "any")  # fmt: skip
ODD = IRREGULAR | frozenset("diff scan ship log plan trip".split())
FAMILY: dict[str, set[int]] = {}
for number, row in enumerate([*ACTIONS, *FURTHER]):
    for verb in (*row[0], *row[1]):
        FAMILY.setdefault(verb, set()).add(number)

# More first words of descriptions, and what is said for some of them.
ORDERED = frozenset("call tell write take remember reserve choose begin look say keep bring use hold name fix report answer speak learn ask give buy sell rent hire borrow extend skip pause arm vacuum".split())  # fmt: skip
SAME = {"reserve": ("book", "hold", "keep"), "begin": ("start", "open"), "choose": ("pick", "select"), "buy": ("get", "purchase"), "report": ("announce", "file"), "rent": ("hire", "get"), "find": ("look for", "search for", "locate"), "order": ("get", "request"), "make": ("create", "prepare"), "show": ("display", "let me see"), "change": ("alter", "adjust"), "send": ("ship", "get off"), "add": ("put in", "enter"), "keep": ("hold", "save"), "put": ("place", "set"), "take": ("get", "grab")}  # fmt: skip


def action(d: Draw) -> tuple[str, tuple[str, ...]]:
    """The verb of a function's name and those that ask for it."""
    if d.chance(0.45):
        names, verbs = d.any(FURTHER)
        return d.any(names).replace("_", " "), verbs
    known = d.any(KNOWN)[0]
    return d.of(known), MORE_VERBS[known[0]]


def akin(one: Function, other: Function) -> bool:
    """May a request for one mean the other? Then the other is no function that cannot do it."""
    if one.noun != other.noun:
        return False
    if set(one.verbs) & set(other.verbs):
        return True
    mine = set().union(*(FAMILY.get(v, set()) for v in one.verbs[:3]))
    return any(mine & FAMILY.get(v, set()) for v in other.verbs[:3])


def head(d: Draw, function: Function) -> str:
    """What is wanted, perhaps with a question mark, without a full stop."""
    verb, bare = d.any(function.verbs), function.noun
    noun = f"{d.any(ARTICLES)} {bare}" if d.chance(0.93) else plural(bare)
    kind = d.rng.random()
    if kind < 0.3 and TOLD & set(function.verbs):
        plan = d.any(QUESTIONS_ALLOWED)
        return plan.format(bare=bare, Bare=bare.capitalize(), bares=plural(bare))
    if kind > 0.84 and verb.isalpha() and len(verb) > 3 and verb not in ODD:
        plan = d.any(PASSIVES_ALLOWED)
        return plan.format(noun=noun, Noun=noun[0].upper() + noun[1:], past=past(verb), ing=participle(verb))  # fmt: skip
    if kind > 0.8 and " " not in verb:  # nothing but the noun and the verb
        return d.any((f"{bare}: {verb}", f"{bare} - {verb}", f"{verb} {bare}", f"{bare}, {verb} it", f"About {noun}: {verb} it", f"There is {noun}, {verb} it"))  # fmt: skip
    plan = d.any(ORDERS_ALLOWED)
    return plan.format(verb=verb, Verb=verb[0].upper() + verb[1:], noun=noun)
