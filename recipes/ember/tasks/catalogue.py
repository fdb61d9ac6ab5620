"""The catalogue: functions as programs really offer them, with requests in whole sentences.

Of the functions, and of the requests of one, each fifth is seen only by validation and test.
"""
# ruff: noqa: E501 (a table is read by rows)

from __future__ import annotations

import re
from dataclasses import replace

from . import domains, everyday, services
from .signatures import Function, Parameter

# name | description | parameters as name:kind:description (a trailing ? is optional) | requests
# | what its result holds
TABLE = """
get_weather | Current weather of a place | city:place:name of the city; unit:temperature_unit:scale? | What's the weather like in {city}?; How is the weather in {city} now?; Is it raining in {city}?; weather {city}; Tell me the temperature in {city} in {unit}. | temperature:degrees, sky:sky
set_timer | Start a timer | minutes:small:length in minutes; label:thing:what it is for? | Set a timer for {minutes} minutes.; Wake me in {minutes} minutes.; timer {minutes} min; Start a {minutes} minute timer called {label}.; Please time {minutes} minutes for the {label}. | id:code
send_email | Send an email | to:email:address; subject:topic:subject line; body:message:text of the mail | Send an email to {to} about the {subject}: {body}; Mail {to}, subject {subject}, saying "{body}"; Write to {to} with the subject {subject}: {body}; Email {to} ({subject}): {body}; Please send {to} a mail about {subject} that says: {body} | status:sent
create_event | Add an event to the calendar | title:topic:name of the event; date:date:day as YYYY-MM-DD; time:clock:start as HH:MM? | Put the {title} meeting in my calendar on {date} at {time}.; Add {title} on {date}.; Schedule {title} for {date}, {time}.; New event: {title}, {date} {time}; Plan the {title} on {date} at {time}. | id:code
convert_currency | Convert an amount of money | amount:number:how much; source:currency:from; target:currency:to | Convert {amount} {source} to {target}.; How much is {amount} {source} in {target}?; What are {amount} {source} in {target}?; {amount} {source} in {target}; Change {amount} {source} into {target}. | result:number
translate_text | Translate a text | text:message:what to translate; language:language:target language | Translate "{text}" to {language}.; How do you say "{text}" in {language}?; Put this into {language}: {text}; {language} for "{text}"; Say "{text}" in {language}. | translation:phrase
play_music | Play music | query:phrase:artist or song; volume:percent:from 0 to 100? | Play {query}.; Put on {query} at volume {volume}.; I want to hear {query}.; Start {query} with volume {volume}.; Music: {query} | playing:phrase
search_files | Find files by name | pattern:pattern:glob to match; folder:folder:where to look? | Find files named {pattern} in {folder}.; Where are my {pattern} files?; List everything that matches {pattern} in {folder}.; Search {folder} for {pattern}.; Look for {pattern}. | count:small
read_file | Read a file | path:path:file to read | Show me {path}.; Open {path}.; What does {path} say?; Read the file {path}.; cat {path} | lines:number
delete_file | Delete a file | path:path:file to delete | Delete {path}.; Remove the file {path}.; Get rid of {path}.; Throw away {path}.; I don't need {path} any more, delete it. | status:sent
get_stock_price | Price of a share | symbol:symbol:ticker symbol | What is {symbol} trading at?; Price of {symbol}?; How is the {symbol} share doing?; stock {symbol}; Give me the share price of {symbol}. | price:number
set_thermostat | Set the heating of a room | room:room:which room; degrees:degrees:target temperature | Set the {room} to {degrees} degrees.; Make the {room} {degrees} degrees warm.; Heat the {room} to {degrees}.; {room} to {degrees} degrees, please; I would like {degrees} degrees in the {room}. | status:sent
switch_light | Switch a light on or off | room:room:which room; on:bool:true for on | Turn the light in the {room} {on}.; Light {on} in the {room}.; Switch {on} the lamp in the {room}.; {room} light {on}; Please put the light {on} in the {room}. | status:sent
book_table | Book a table in a restaurant | restaurant:name:name of the restaurant; people:small:number of guests; time:clock:when | Book a table at {restaurant} for {people} at {time}.; Reserve {restaurant} for {people} people, {time}.; Table for {people} at {restaurant} at {time}, please.; We are {people} and want to eat at {restaurant} at {time}.; Get us into {restaurant} at {time}, {people} persons. | code:code
add_task | Add a task to the to-do list | text:message:what to do; priority:priority:how urgent? | Remind me to do this: {text}; Add to my list: {text}; New task: {text}; Put "{text}" on my to-do list with {priority} priority.; Note a {priority} task: {text} | id:code
get_distance | Distance between two places | start:place:from; end:place:to | How far is it from {start} to {end}?; Distance {start} to {end}?; How many kilometres are between {start} and {end}?; What is the distance from {start} to {end}?; I drive from {start} to {end}: how far? | km:number
find_flight | Search flights | origin:place:from; destination:place:to; date:date:day as YYYY-MM-DD | Find a flight from {origin} to {destination} on {date}.; I need to fly from {origin} to {destination} on {date}.; Flights {origin} {destination} {date}; Which flights go from {origin} to {destination} on {date}?; Get me from {origin} to {destination} by plane on {date}. | count:small
run_query | Run an SQL query | database:word:name of the database; query:sql:SQL text | Run {query} on {database}.; In the database {database}, execute: {query}; Query {database} with {query}; {database}: {query}; Ask {database} this: {query} | rows:number
resize_image | Change the size of an image | path:path:image file; width:number:pixels; height:number:pixels | Resize {path} to {width} by {height}.; Make {path} {width}x{height}.; Scale the image {path} to {width} x {height} pixels.; {path} to width {width} and height {height}; I need {path} in {width} times {height}. | status:sent
get_user | Look up a user | user_id:number:number of the user | Who is user {user_id}?; Look up user {user_id}.; Show the account {user_id}.; user {user_id}; Which person has the id {user_id}? | name:fullname
create_user | Create a user account | name:fullname:full name; email:email:address; admin:bool:whether an administrator? | Create an account for {name}, {email}.; Add {name} ({email}) as a user.; New user {name} with mail {email}.; Register {name} with the address {email}.; Make {name} a user: {email} | id:code
get_news | Latest headlines | topic:topic:subject; count:small:how many? | What's new about the {topic}?; Give me {count} headlines on the {topic}.; News on {topic}?; {count} news items about {topic}, please; Any news of the {topic}? | headline:phrase
calculate | Compute an arithmetic expression | expression:expression:what to compute | Calculate {expression}.; What is {expression}?; Compute {expression} with the calculator.; {expression} = ?; Work out {expression}. | result:number
get_time | Current time in a place | city:place:name of the city | What time is it in {city}?; Time in {city}?; Tell me the local time in {city}.; How late is it in {city}?; What does the clock say in {city}? | time:clock
send_message | Send a chat message | recipient:name:who gets it; text:message:what to say | Tell {recipient} this: {text}; Message {recipient}: {text}; Text {recipient} that {text}; Send {recipient} the message "{text}"; Let {recipient} know: {text} | status:sent
order_item | Order an article | item:thing:what to order; quantity:small:how many | Order {quantity} of the {item}.; Buy {quantity} {item}s.; I need {quantity} pieces of {item}, please order.; Get me {quantity} x {item}.; Please order the {item}, {quantity} times. | code:code
track_parcel | Where a parcel is | number:code:tracking number | Where is parcel {number}?; Track {number}.; What happened to my parcel {number}?; Status of shipment {number}?; Has {number} arrived? | place:place
lock_door | Lock or unlock a door | door:room:which door; locked:bool:true to lock | Set the lock of the {door} door to {locked}.; {door} door lock {locked}; Put the {door} lock {locked}.; The {door} door should have its lock {locked}.; Switch the lock of the {door} {locked}. | status:sent
list_processes | Running processes of a host | host:word:name of the host; limit:small:at most this many? | What is running on {host}?; Show the top {limit} processes on {host}.; Processes of {host}?; List {limit} processes that run on {host}.; Which programs does {host} run? | count:number
restart_service | Restart a service | service:word:name of the service; host:word:where it runs? | Restart {service}.; Restart {service} on {host}.; Bounce the {service} service on {host}.; {service} hangs on {host}, restart it.; Please start {service} anew. | status:sent
find_recipe | Search recipes | dish:phrase:name of the dish; servings:small:for how many people? | How do I cook {dish}?; Find a recipe for {dish}.; I want to make {dish} for {servings} people.; recipe {dish}; What do I need to cook {dish}? | minutes:small
get_exchange_rate | Current exchange rate | base:currency:from; quote:currency:to | What is the exchange rate of {base} to {quote}?; {base}/{quote} rate?; How many {quote} do I get for one {base}?; Exchange rate from {base} to {quote}; Rate between {base} and {quote}, please. | rate:decimal
web_search | Search the web | query:phrase:what to look for; max_results:small:how many? | Search the web for {query}.; Google {query}.; Look up {query} online.; Find {max_results} pages about {query} on the internet.; What does the internet say about {query}? | hits:number
get_forecast | Weather forecast for the next days | city:place:name of the city; days:small:how many days | What will the weather be in {city} over the next {days} days?; {days}-day forecast for {city}; Forecast for {city}, {days} days, please.; Will it rain in {city} in the next {days} days?; How does the weather in {city} look for {days} days? | sky:sky
call_contact | Call somebody on the phone | name:name:whom to call | Call {name}.; Phone {name}, please.; Ring {name} up.; I want to speak with {name}.; Get {name} on the phone. | status:sent
set_alarm | Set an alarm clock | time:clock:when to ring; label:thing:what it is for? | Wake me at {time}.; Set an alarm for {time}.; Alarm at {time} for the {label}.; I have to get up at {time}.; Ring at {time}, please. | id:code
create_note | Write a note | title:topic:title of the note; text:message:content | Make a note called {title}: {text}; Note under {title}: {text}; Write down "{text}" with the title {title}.; New note {title}: {text}; Save this as {title}: {text} | id:code
get_route | Directions between two places | start:place:from; end:place:to; mode:travel:how to travel? | How do I get from {start} to {end}?; Directions from {start} to {end} by {mode}.; Route {start} - {end}; Show me the way from {start} to {end}.; I want to go from {start} to {end} by {mode}. | km:number
list_files | List the files of a folder | path:folder:which folder | What is in {path}?; List {path}.; Show the files in {path}.; ls {path}; Which files does {path} contain? | count:small
write_file | Write text to a file | path:path:file to write; content:message:what to write | Write "{content}" to {path}.; Save "{content}" in {path}.; Put the text "{content}" into {path}.; Create {path} with the content "{content}".; {path} should contain "{content}". | status:sent
run_command | Run a shell command | command:shell:command line | Run `{command}`.; Execute {command}.; Run the command {command}; Please do {command} in the shell.; In the terminal: {command} | code:small
convert_unit | Convert a measurement | value:number:how much; source:measure_unit:from; target:measure_unit:to | Convert {value} {source} to {target}.; How many {target} are {value} {source}?; {value} {source} in {target}?; What are {value} {source} in {target}?; Turn {value} {source} into {target}. | result:decimal
add_to_cart | Put an article in the shopping cart | item:thing:which article; quantity:small:how many? | Put {item} in my cart.; Add {quantity} {item} to the cart.; I'll take {quantity} of the {item}.; cart: {item}; Into the basket with the {item}. | total:decimal
get_definition | Definition of a word | word:word:which word | What does {word} mean?; Define {word}.; Meaning of {word}?; Look up the word {word} in the dictionary.; What is the definition of "{word}"? | definition:phrase
share_document | Share a document with somebody | document:path:which document; person:email:with whom | Share {document} with {person}.; Give {person} access to {document}.; Let {person} see {document}.; {person} should be able to open {document}.; Share with {person}: {document} | status:sent
get_balance | Balance of an account | account:code:number of the account | What's the balance of {account}?; How much money is in account {account}?; Balance {account}; Show what is left in {account}.; How much do I have on {account}? | amount:decimal
pay_invoice | Pay an invoice | invoice:code:number of the invoice; amount:decimal:how much | Pay invoice {invoice}, {amount} euros.; Transfer {amount} for invoice {invoice}.; Settle {invoice} with {amount} euros.; {invoice}: pay {amount}; Please pay {amount} on the invoice {invoice}. | status:sent
get_commit | Show a commit of a repository | hash:code:the commit; repository:word:which repository? | Show commit {hash}.; What changed in {hash}?; git show {hash} in {repository}; Commit {hash} of {repository}, please.; Let me see {hash}. | message:phrase
turn_off | Turn a device off | device:thing:which device | Turn off the {device}.; Switch the {device} off.; {device} off; Shut the {device} down.; The {device} should be off. | status:sent
close_ticket | Close a support ticket | ticket:number:which ticket; reason:message:why? | Close ticket {ticket}.; Ticket {ticket} is solved, close it.; Close {ticket} because {reason}.; We are done with ticket {ticket}.; Mark ticket {ticket} as closed. | status:sent
"""
CHOICES = {
    "temperature_unit": ("celsius", "fahrenheit"),
    "currency": ("EUR", "USD", "GBP", "JPY", "CHF", "SEK", "PLN", "CAD", "INR", "BRL"),
    "priority": ("low", "normal", "high"),
    "sky": ("sunny", "cloudy", "raining", "snowing", "foggy", "windy"),
    "room": ("kitchen", "bedroom", "office", "hall", "bathroom", "garage", "cellar", "nursery", "attic", "living room"),
    "sent": ("ok", "done", "success"),
    "travel": ("car", "train", "bike", "bus", "foot"),
    "measure_unit": ("km", "miles", "kg", "pounds", "litres", "gallons", "metres", "feet", "inches", "cm"),
}  # fmt: skip
CHOICES |= everyday.CHOICES
SHOWN = (
    *everyday.CHOICES,
    "temperature_unit",
    "priority",
    "currency",
    "travel",
)  # whose choices the signature lists


def read_row(row: str, trained: bool = False) -> Function:
    name, description, parameters, requests, outcome = (cell.strip() for cell in row.split("|"))
    listed = []
    for cell in parameters.split(";") if parameters else ():
        key, kind, text = cell.strip().split(":", 2)
        required = not text.endswith("?")
        choices = CHOICES[kind] if kind in SHOWN else ()
        if "/" in kind:
            kind, choices = "word", tuple(kind.split("/"))
        listed.append(Parameter(key, kind, text.rstrip("?"), required, choices))
    result = tuple((k, v) for k, v in (pair.strip().split(":") for pair in outcome.split(",")))
    sentences = tuple(r.strip() for r in requests.split("; "))
    return Function(
        name, description, tuple(listed), requests=sentences, result=result, trained=trained
    )


FUNCTIONS = [read_row(row) for row in TABLE.strip().splitlines()]
# Only training sees these.
SERVICES = [
    read_row(row, trained=True)
    for table in (services.TABLE, everyday.TABLE)
    for row in table.strip().splitlines()
]
OUTCOMES = ("status:sent", "id:code", "count:small", "minutes:small", "total:decimal", "place:place", "status:sent")  # fmt: skip


def plainly(request: str) -> str:
    """A request without what its slots are called, capitals and marks."""
    slots = re.sub(r"\{[^}]*\}", "{}", request.lower())
    return " ".join(re.sub(r"[^a-z{} ]", "", slots).split())


REFUSED = {plainly(r) for f in FUNCTIONS for r in f.requests[4::5]}
REFUSED |= {plainly(r) for f in FUNCTIONS[4::5] for r in f.requests}


def without_held_out(function: Function) -> Function:
    kept = tuple(r for r in function.requests if plainly(r) not in REFUSED)
    return replace(function, requests=kept)


SERVICES += [
    without_held_out(read_row(f"{row} | {OUTCOMES[number % len(OUTCOMES)]}", trained=True))
    for number, row in enumerate(domains.ROWS)
]
SERVICES = [replace(function, place=place) for place, function in enumerate(SERVICES)]
