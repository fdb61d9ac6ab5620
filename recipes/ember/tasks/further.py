"""Further roles: what a parameter may be for beyond the roles that the test draws, for training alone."""
# ruff: noqa: E501 (a table is read by rows)

from __future__ import annotations

from dataclasses import dataclass

from .mentions import Mentions

# role | kind, or choices with / between them | names | descriptions | mentions
TABLE = """
stars | stars | stars, rating, score, mark, grade, points | one to five stars; how good, 1 to 5; rating from 1 to 5 | {v} stars; with {v} stars; rated {v}; {v} out of 5; at {v} stars; a {v}; {v}/5; with a rating of {v}; a rating of {v}; ^I give it {v}; ^it deserves {v} stars; ^it's worth {v}; ^make it {v} stars; ^the rating is {v}; ^{v} stars from me
age | age | age, years_old, min_age, age_of_child | how old; age in years; years | aged {v}; {v} years old; at the age of {v}; {v} years of age; who is {v}; age {v}; (age {v}); of {v} years; ^I'm {v}; ^the age is {v}; ^they are {v} years old; ^she is {v}; ^he turned {v}; ^somebody of {v}
people | names | people, attendees, members, guests, names, team, participants, invitees, players, users | who takes part; names of all; the people; list of names | with {v}; for {v}; together with {v}; among {v}; of {v}; (people: {v}); , namely {v}; including {v}; for these people: {v}; that is, {v}; between {v}; ^we are {v}; ^it's for {v}; ^the people are {v}; ^{v} are coming; ^{v} should be there; ^invite {v}; ^there will be {v}; ^the names: {v}
tags | words | tags, labels, keywords, categories, topics, terms, words, hashtags | labels to put on it; words that describe it; list of tags; keywords | tagged {v}; with the tags {v}; tags {v}; with tags {v}; labelled with {v}; marked {v}; under {v}; (tags: {v}); with these tags: {v}; with the labels {v}; filed under {v}; ^the tags are {v}; ^tag it {v}; ^put {v} on it; ^the keywords are {v}; ^label it {v}; ^use the words {v}
places | places | cities, places, stops, locations, regions, stations, towns | which places; where; list of cities; where to stop | in {v}; for {v}; via {v}; through {v}; in the cities {v}; past {v}; across {v}; stopping in {v}; with stops in {v}; at {v}; covering {v}; (places: {v}); ^it goes through {v}; ^the places are {v}; ^I mean {v}; ^we want to see {v}; ^the stops are {v}
items | things | items, products, ingredients, things, articles, parts, goods, materials, extras, toppings | what is wanted; list of articles; which things; what it takes | with {v}; of {v}; including {v}; containing {v}; made of {v}; for {v}; namely {v}; (items: {v}); with these: {v}; consisting of {v}; ^there are {v}; ^I have {v}; ^we need {v}; ^the items are {v}; ^it takes {v}; ^put {v} in it; ^I want {v}
files | files | files, attachments, documents, images, inputs, paths | which files; files to take; list of file names; what to attach | with {v}; from {v}; of {v}; out of {v}; with the files {v}; attaching {v}; from the files {v}; (files: {v}); in {v}; along with {v}; ^the files are {v}; ^take {v}; ^use {v}; ^attach {v}; ^they are {v}; ^it's about {v}
mails | mails | to, recipients, emails, addresses, cc, bcc | who gets it; email addresses; list of addresses | to {v}; for {v}; addressed to {v}; with {v} in copy; cc {v}; copying {v}; to the addresses {v}; ^send it to {v}; ^it goes to {v}; ^{v} should get it; ^the addresses are {v}
codes | codes | ids, codes, keys, orders, references, skus, numbers, tickets | which ones; list of codes; the identifiers; references | with the codes {v}; {v}; for {v}; with ids {v}; numbers {v}; the ones marked {v}; (codes: {v}); namely {v}; ^they are {v}; ^the codes are {v}; ^I mean {v}; ^it's about {v}
days | days | days, weekdays, on_days, repeat, schedule | on which days; days of the week; list of weekdays | on {v}; every {v}; each {v}; for {v}; only on {v}; (days: {v}); on the days {v}; ^the days are {v}; ^it's on {v}; ^{v} suit me; ^repeat it on {v}
street | street | address, street, street_address, delivery_address, house, home | street and number; where to; address of the house; postal address | at {v}; to {v}; to the address {v}; at the address {v}; in {v}; for {v}; (address: {v}); ^the address is {v}; ^it's at {v}; ^I live at {v}; ^we're at {v}; ^bring it to {v}; ^the house is {v}
zip | zip | zip, postal_code, postcode, zip_code, plz | postal code; code of the town; zip code | in {v}; with postal code {v}; zip {v}; zip code {v}; postcode {v}; for the postcode {v}; in the area {v}; ({v}); ^the zip is {v}; ^our postcode is {v}; ^it's in {v}
company | company | company, firm, vendor, supplier, employer, brand, customer, client, shop, organization | name of the firm; which company; who supplies it; the organisation | from {v}; by {v}; of {v}; at {v}; for {v}; with {v}; made by {v}; for the company {v}; at the firm {v}; (company: {v}); working for {v}; on behalf of {v}; ^the company is {v}; ^it's from {v}; ^{v} makes it; ^I work for {v}; ^we buy from {v}; ^{v} ordered it; ^the firm is called {v}
ip | ip | ip, ip_address, address, gateway, peer, source_ip, target_ip | IPv4 address; address of the machine; IP | at {v}; from {v}; for {v}; with IP {v}; with the IP {v}; on {v}; to {v}; ip {v}; ({v}); with the address {v}; ^the IP is {v}; ^its address is {v}; ^it has {v}; ^you find it at {v}
branch | branch | branch, ref, base, git_branch, target_branch, topic_branch | name of the branch; which branch; git branch | on {v}; on branch {v}; on the branch {v}; in branch {v}; from branch {v}; of the branch {v}; branch {v}; from {v}; (branch {v}); off {v}; ^the branch is {v}; ^it's on {v}; ^I work on {v}; ^use {v}
zone | zone | timezone, tz, time_zone, zone | name of the time zone; tz database name; time zone | in {v}; in the time zone {v}; in {v} time; for {v}; with timezone {v}; (tz {v}); {v} time; ^the zone is {v}; ^I'm in {v}; ^our time zone is {v}; ^use {v}
moment | moment | datetime, at, timestamp, when, start, moment, run_at, deadline | date and time (ISO 8601); timestamp; when exactly, as YYYY-MM-DDTHH:MM | at {v}; on {v}; by {v}; from {v}; starting {v}; as of {v}; scheduled at {v}; ({v}); timestamp {v}; ^it's at {v}; ^it starts {v}; ^the time is {v}; ^make it {v}; ^it's planned for {v}
handle | handle | handle, username, account, nick, login, screen_name, channel | name with an @; user name; account name; which account | from {v}; by {v}; of {v}; for {v}; to {v}; as {v}; on the account {v}; with handle {v}; (user {v}); under {v}; ^the account is {v}; ^my name there is {v}; ^it's {v}; ^ask {v}
hashtag | hashtag | hashtag, tag, trend, topic | tag with a #; which hashtag; topic | with {v}; under {v}; tagged {v}; using {v}; about {v}; with the tag {v}; with hashtag {v}; ^the tag is {v}; ^put {v} on it; ^use {v}
job | job | job, profession, role, occupation, position, specialist, trade | what somebody does; profession; which job; trade | for a {v}; as a {v}; as {v}; for the job of {v}; who works as {v}; in the job {v}; for the position {v}; (a {v}); ^I'm a {v}; ^she works as {v}; ^the job is {v}; ^we need a {v}; ^it's for a {v}
suffix | suffix | format, extension, type, file_type, suffix, output_format, filetype | file type; ending of the file; in which format; type of the output | as {v}; in {v}; as a {v} file; in the format {v}; in {v} format; to {v}; with the ending .{v}; with format {v}; ({v}); format {v}; as .{v}; ^I need it as {v}; ^the format is {v}; ^make it a {v}; ^{v} would be best; ^it should be {v}
flight | flight | flight, flight_number, flight_no, code, connection | flight number; which flight; number of the flight | on flight {v}; for flight {v}; flight {v}; on {v}; of flight {v}; with {v}; for {v}; ({v}); ^it's flight {v}; ^the flight is {v}; ^we fly with {v}; ^I'm on {v}
reason | reason | reason, why, cause, purpose, occasion, grounds, motive | why; what for; reason given; cause | because of {v}; for {v}; due to {v}; on account of {v}; owing to {v}; the reason being {v}; reason: {v}; with the reason "{v}"; because of "{v}"; ^the reason is {v}; ^why? {v}; ^it's because of {v}; ^they say "{v}"; ^the cause is {v}
quoted | quoted | title, song, film, book, album, show, game, track, episode, recipe | title of it; which one; its name; name of the work | "{v}"; called "{v}"; of "{v}"; for "{v}"; with "{v}"; '{v}'; titled "{v}"; the one called "{v}"; ("{v}"); ^it's "{v}"; ^the title is "{v}"; ^I mean "{v}"; ^take "{v}"; ^my favourite is "{v}"; ^it is called "{v}"
where | sql_where | where, condition, filter, clause, criteria | condition that must hold; SQL condition; filter | where {v}; if {v}; with {v}; for which {v}; filtered by `{v}`; on the condition {v}; `{v}`; ^only if {v}; ^the condition is {v}; ^keep those with {v}
currency | EUR/USD/GBP/JPY/CHF/SEK | currency, cur, in_currency, pay_in, currency_code | currency code; in which money; money to use | in {v}; paid in {v}; with {v}; using {v}; in the currency {v}; ({v}); ^I pay in {v}; ^the currency is {v}; ^{v}, please; ^we use {v}
place_in_house | kitchen/bedroom/bathroom/hall/garage/cellar/attic/office | room, where, zone, area, location | which room; where in the house; room of it | in the {v}; for the {v}; of the {v}; over in the {v}; out in the {v}; from the {v}; {v}; near the {v}; (in the {v}); ^it's in the {v}; ^I'm in the {v}; ^the room is the {v}; ^I mean the {v}
order | ascending/descending | order, sort, direction, sort_order, sorting | sort order; up or down; ascending or descending | in {v} order; {v}; sorted {v}; with {v} order; ordered {v}; in an {v} way; (order {v}); ^the order is {v}; ^sort it {v}; ^make it {v}
file_kind | pdf/csv/json/xml/html | format, output, as, kind, output_type | format of the result; pdf, csv and so on; how to write it | as {v}; in {v}; as a {v}; in {v} format; formatted as {v}; to {v}; with {v} output; ({v}); ^I'd like {v}; ^the format is {v}; ^make it {v}; ^{v}, please
urgency | low/medium/high/urgent | priority, urgency, importance, severity, level | how urgent; how important; priority of it | with {v} priority; at {v} priority; with priority {v}; priority {v}; of {v} importance; (priority {v}); with {v} urgency; prio {v}; ^the priority is {v}; ^it's {v} priority; ^its importance is {v}
state | open/closed/pending/done | status, state, only, condition, filter | which state; state it must have; open, closed or so | that are {v}; with status {v}; in the state {v}; which are {v}; marked {v}; (status {v}); only {v} ones; ^the status is {v}; ^only the {v} ones; ^they should be {v}; ^I want those that are {v}
often | once/hourly/daily/weekly/monthly/yearly | frequency, repeat, interval, how_often, period, recurrence | how often; repetition; how often it happens | {v}; repeated {v}; on a {v} basis; with {v} repetition; running {v}; (repeat {v}); ^it happens {v}; ^do it {v}; ^the frequency is {v}; ^repeat {v}
width_of | small/medium/large | size, portion, format, cup, box | how big; small, medium or large; which size | in {v}; in size {v}; size {v}; in a {v} size; a {v} one; {v}; of {v} size; ({v}); ^the size is {v}; ^make it {v}; ^I take a {v} one; ^{v} is fine
class | economy/business/first | class, cabin, fare, service_class, seat_class | class of travel; which class; cabin | in {v} class; {v} class; flying {v}; with {v} class; travelling {v}; (class {v}); ^I fly {v}; ^it should be {v} class; ^the class is {v}
payment | cash/card/transfer/voucher | payment, pay_by, method, payment_method, with | how it is paid; way to pay; means of payment | by {v}; with {v}; using {v}; paid by {v}; paying by {v}; payment {v}; (paid by {v}); ^I pay by {v}; ^I'll use {v}; ^payment is by {v}
units | metric/imperial | units, system, unit_system, measurement | system of units; metric or imperial | in {v} units; in {v}; with {v} units; using the {v} system; ({v}); units {v}; ^use {v} units; ^we use {v} here; ^I want {v} units
vehicle | car/train/bus/bike/plane/ship | mode, by, transport, vehicle, means, travel_mode | how to travel; means of transport; by what | by {v}; with the {v}; taking the {v}; using the {v}; on the {v}; (by {v}); travelling by {v}; going by {v}; ^I go by {v}; ^we take the {v}; ^I'd like to take the {v}; ^it should be by {v}
tone | formal/friendly/short/funny | tone, style, manner, voice, mood | manner of speaking; how it should sound; tone of the text | in a {v} tone; in a {v} way; in {v} style; with a {v} tone; sounding {v}; ({v} tone); ^make it {v}; ^it should sound {v}; ^keep it {v}; ^the tone is {v}
""".strip()


@dataclass(frozen=True)
class Further:
    key: str
    kind: str
    names: tuple[str, ...]
    descriptions: tuple[str, ...]
    choices: tuple[str, ...]


ROLES: list[Further] = []
BY_ROLE: dict[str, Mentions] = {}
for row in TABLE.splitlines():
    key, kind, names, descriptions, plans = (cell.strip() for cell in row.split(" | "))
    choices = tuple(kind.split("/")) if "/" in kind else ()
    words, told = tuple(names.split(", ")), tuple(descriptions.split("; "))
    ROLES.append(Further(key, "word" if choices else kind, words, told, choices))
    BY_ROLE[key] = Mentions(tuple(plans.split("; ")), ())
