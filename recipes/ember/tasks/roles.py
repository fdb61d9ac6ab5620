"""Roles: what a parameter may be for, and how that is named, described and mentioned in a request."""
# ruff: noqa: E501, SIM905 (a table is read by rows, word lists as words)

from __future__ import annotations

from dataclasses import dataclass

# role | value | names | descriptions | mentions
ROLE_TABLE = """
place | place | city, location, place, town, region, area, site, where, station, address | name of the city; where; place to look at; the location; town or region; which place | in {v}; for {v}; at {v}; near {v}; around {v}; over in {v}; within {v}; close to {v}; in the area of {v}; here in {v}
origin | place | origin, source, start, from_city, departure, start_point, from_place, pickup, depot, begin | where it begins; starting point; place of departure; from where; city to leave from | from {v}; starting in {v}; leaving {v}; departing from {v}; beginning at {v}; out of {v}; with start in {v}; coming from {v}; from {v} onwards; off from {v}
destination | place | destination, target, end, to_city, arrival, goal, end_point, dropoff, to_place, final_stop | where it ends; end point; place of arrival; where to; city to go to | to {v}; towards {v}; bound for {v}; going to {v}; ending in {v}; as far as {v}; up to {v}; with {v} as destination; into {v}; over to {v}
person | fullname | user, name, person, owner, customer, employee, member, client, author, patient, student, user_name, guest, driver, full_name | name of the person; who; full name; whose it is; the person concerned | for {v}; of {v}; belonging to {v}; on behalf of {v}; in the name of {v}; under the name {v}; that {v} has; for our friend {v}; in {v}'s name; concerning {v}
recipient | name | recipient, to, receiver, contact, addressee, colleague, friend, reader, to_user, for_whom | who gets it; name of the receiver; to whom; the contact; person to reach | to {v}; for {v}; addressed to {v}; so that {v} gets it; meant for {v}; and let {v} have it; going to {v}; with {v} as recipient; directed at {v}; to my friend {v}
email | email | email, mail, address, email_address, contact_email, to, reply_to, account, sender, user_email | email address; where to write; mail of the person; the address; electronic mail | to {v}; at {v}; under {v}; with the mail {v}; using {v}; for {v}; with address {v}; email {v}; ({v}); reachable at {v}
date | date | date, day, due, on_date, start_date, from_date, deadline, due_date, event_date, until | date as YYYY-MM-DD; day (YYYY-MM-DD); ISO date; which day, as YYYY-MM-DD; YYYY-MM-DD | on {v}; for {v}; dated {v}; due {v}; as of {v}; on the date {v}; when it is {v}; by {v}; scheduled for {v}; effective {v}
time | clock | time, at, start_time, hour, begin, when, clock, at_time, alarm, from_time | time as HH:MM; when, HH:MM; start of it; hour and minute; 24-hour time | at {v}; at {v} o'clock; for {v}; starting at {v}; from {v} on; around {v}; when the clock shows {v}; {v}; by {v}; precisely at {v}
end_time | clock | until, end_time, to_time, finish, end, closing, last, stop_at, till, before | end as HH:MM; until when; finishing time; latest time; when it stops | until {v}; till {v}; ending at {v}; up to {v}; and finish at {v}; to {v}; with the end at {v}; over by {v}; stopping at {v}; not after {v}
count | small | count, limit, quantity, number, n, max_results, pieces, copies, guests, seats, top, how_many, total, items, people | how many; number of them; maximum; at most this many; quantity wanted; how many at most | limit {v}; {v} of them; at most {v}; no more than {v}; {v} pieces; up to {v}; {v} in number; exactly {v}; {v} times; a total of {v}
amount | decimal | amount, budget, price, threshold, rate, sum, weight, factor, ratio, cost, value | how much; amount of money; the value; limit in euros; as a decimal number; weight in kg | of {v}; for {v}; worth {v}; with {v}; below {v}; with a value of {v}; amounting to {v}; around {v}; over {v}; equal to {v}
big | number | amount, size, width, height, distance, budget, offset, port, population, speed, depth, points, salary | how much; size in pixels; whole number; length in metres; port number; the value | of {v}; with {v}; at {v}; up to {v}; over {v}; with a size of {v}; reaching {v}; measuring {v}; to {v}; near {v}
level | percent | volume, brightness, level, percentage, progress, intensity, opacity, quality, humidity, share | from 0 to 100; in percent; how strong; percentage; level in % | at {v} percent; to {v} percent; at {v}%; to {v}%; on {v} percent; with {v} %; up to {v} percent; {v} percent; at a level of {v}; set at {v}
duration | small | minutes, duration, seconds, hours, timeout, delay, days, interval, length, wait | how long, in minutes; length; duration; seconds to wait; for how long | for {v} {u}; lasting {v} {u}; of {v} {u}; during {v} {u}; over {v} {u}; that takes {v} {u}; {v} {u} long; within {v} {u}; in {v} {u}; after {v} {u}
number_id | number | id, user_id, order_id, account_id, ticket_id, number, item_id, record_id, room_number, case_id, {noun}_id | number of it; identifier; which one; the id; numeric key | number {v}; with id {v}; #{v}; no. {v}; with the number {v}; id {v}; that has the id {v}; whose number is {v}; {v}; identified by {v}
code | code | code, reference, serial, tracking_number, key, token, sku, isbn, ref, ticket, plate, batch, barcode | reference code; serial number; as printed on it; the code; identifier | with code {v}; {v}; reference {v}; with the reference {v}; code {v}; serial {v}; marked {v}; under {v}; listed as {v}; that bears {v}
path | path | path, file, filename, source, target, output, input_file, document, file_path, image | path of the file; file to use; where the file is; full path; the document | {v}; in {v}; from {v}; the file {v}; at {v}; stored in {v}; with the file {v}; found at {v}; located at {v}; under {v}
folder | folder | folder, directory, dir, root, workspace, location, base, cwd, out_dir, where | directory; folder to look in; where to work; root folder; place on disk | in {v}; under {v}; inside {v}; within {v}; in the folder {v}; in the directory {v}; below {v}; from {v}; at {v}; into {v}
url | url | url, link, address, page, site, endpoint, website, href, feed, webhook | web address; link; page to use; URL; address of the site | {v}; at {v}; from {v}; the page {v}; under {v}; on {v}; linked as {v}; with the link {v}; behind {v}; found on {v}
host | host | host, server, machine, node, hostname, computer, target_host, domain, device, instance | name of the machine; host to use; server; which computer; DNS name | on {v}; at {v}; on the server {v}; on host {v}; of {v}; running on {v}; via {v}; on the machine {v}; from {v}; against {v}
text | sentence | text, message, body, content, note, comment, description, reason, prompt, memo, summary, remark | what to say; the text; content; words to send; free text | saying "{v}"; that says: {v}; with the text "{v}"; with this text: {v}; "{v}"; and write: {v}; : {v}; containing "{v}"; reading "{v}"; worded as "{v}"
title | phrase | title, subject, name, label, topic, headline, caption, heading, event, theme | its title; subject line; how it is called; name for it; topic | called {v}; named {v}; titled "{v}"; with the title {v}; by the name of {v}; labelled {v}; under the title "{v}"; entitled {v}; known as {v}; about {v}
query | phrase | query, keyword, term, search, phrase, pattern, keywords, topic, q, filter, search_term | what to look for; search words; term; keywords; what it is about | for {v}; about {v}; matching {v}; with the words {v}; on {v}; containing {v}; that mention {v}; regarding {v}; on the subject of {v}; to do with {v}
object | thing | item, object, product, article, thing, goods, device, part, tool, material, ingredient | what; the article; which thing; product name; item concerned | for the {v}; of the {v}; with the {v}; the {v}; about the {v}; concerning the {v}; regarding the {v}; on the {v}; that is, the {v}; namely the {v}
language | language | language, lang, target_language, locale, to_language, source_language, tongue, output_language, language_name, dialect | language to use; target language; name of the language; which language; in what language | in {v}; into {v}; to {v}; in the {v} language; using {v}; from {v}; as {v}; in proper {v}; to the {v} language; rendered in {v}
colour | colour | color, colour, tint, background, shade, paint, background_color, highlight, fill, theme_color | its colour; name of the colour; which colour; shade; colour to use | in {v}; coloured {v}; with the colour {v}; to {v}; as {v}; using {v}; painted {v}; made {v}; in the colour {v}; in a {v} tone
weekday | weekday | weekday, day, day_of_week, on_day, repeat_day, start_day, week_day, which_day, every, recurring_day | day of the week; which weekday; on what day; name of the day; the day | on {v}; for {v}; every {v}; on a {v}; next {v}; this {v}; by {v}; come {v}; when it is {v}; until {v}
month | month | month, billing_month, in_month, period, report_month, start_month, which_month, season, target_month, due_month | name of the month; which month; month concerned; period; in what month | in {v}; for {v}; for the month of {v}; during {v}; of {v}; from {v}; since {v}; until {v}; in the month of {v}; throughout {v}
year | year | year, vintage, since, fiscal_year, in_year, from_year, year_built, season, period, edition | which year; year as a number; four digits; the year; year concerned | in {v}; from {v}; for the year {v}; of {v}; since {v}; for {v}; dating from {v}; in the year {v}; from the year {v}; during {v}
version | version | version, release, tag, revision, min_version, build, target_version, from_version, upgrade_to, api_version | version to use; release; which version; like 1.2.3; version string | in version {v}; version {v}; at {v}; to {v}; release {v}; tagged {v}; with version {v}; as {v}; on {v}; of release {v}
phone | phone | phone, number, phone_number, mobile, telephone, contact, caller, tel, fax, callback | phone number; number to call; mobile; telephone of the person; whom to call | at {v}; under {v}; on {v}; phone {v}; with the number {v}; at the number {v}; tel. {v}; calling {v}; by phone at {v}; via {v}
measure | measure | size, amount, weight, dose, distance, portion, capacity, dimension, storage, load | with its unit; value and unit; how much, with unit; for example 5 kg; quantity and unit | of {v}; with {v}; for {v}; at {v}; up to {v}; with a size of {v}; over {v}; amounting to {v}; measuring {v}; that makes {v}
""".strip()
UNITS_OF_TIME = "minutes seconds hours days".split()


@dataclass(frozen=True)
class Role:
    key: str
    kind: str
    names: list[str]
    descriptions: list[str]
    mentions: list[str]


def read_roles() -> list[Role]:
    roles = []
    for row in ROLE_TABLE.splitlines():
        key, kind, names, descriptions, mentions = (cell.strip() for cell in row.split(" | "))
        roles.append(
            Role(key, kind, names.split(", "), descriptions.split("; "), mentions.split("; "))
        )
    return roles


ROLES = read_roles()
