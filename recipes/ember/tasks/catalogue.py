"""The catalogue of functions that tool tasks are about: what they take, how people ask for them.

Of the functions too each fifth is seen only by validation and test.
"""
# ruff: noqa: E501, SIM905 (tables are read by rows, word lists as words)

from __future__ import annotations

from dataclasses import dataclass

# name | description | parameters as name:kind:description (a trailing ? is optional) | requests
# | a sentence for the result, if it is asked to be told
TABLE = """
get_weather | Current weather of a place | city:place:name of the city; unit:temperature_unit:scale? | What's the weather like in {city}?; How is the weather in {city} now?; Is it raining in {city}?; weather {city}; Tell me the temperature in {city} in {unit}. | temperature:degrees, sky:sky > In {city} it is {temperature} degrees and {sky}.
set_timer | Start a timer | minutes:small:length in minutes; label:thing:what it is for? | Set a timer for {minutes} minutes.; Wake me in {minutes} minutes.; timer {minutes} min; Start a {minutes} minute timer called {label}.; Please time {minutes} minutes for the {label}. | id:code > The timer is running for {minutes} minutes.
send_email | Send an email | to:email:address; subject:topic:subject line; body:message:text of the mail | Send an email to {to} about the {subject}: {body}; Mail {to}, subject {subject}, saying "{body}"; Write to {to} with the subject {subject}: {body}; Email {to} ({subject}): {body}; Please send {to} a mail about {subject} that says: {body} | status:sent > The mail to {to} was sent.
create_event | Add an event to the calendar | title:topic:name of the event; date:date:day as YYYY-MM-DD; time:clock:start as HH:MM? | Put the {title} meeting in my calendar on {date} at {time}.; Add {title} on {date}.; Schedule {title} for {date}, {time}.; New event: {title}, {date} {time}; Plan the {title} on {date} at {time}. | id:code > {title} is in the calendar on {date}.
convert_currency | Convert an amount of money | amount:number:how much; source:currency:from; target:currency:to | Convert {amount} {source} to {target}.; How much is {amount} {source} in {target}?; What are {amount} {source} in {target}?; {amount} {source} in {target}; Change {amount} {source} into {target}. | result:number > {amount} {source} are {result} {target}.
translate_text | Translate a text | text:message:what to translate; language:language:target language | Translate "{text}" to {language}.; How do you say "{text}" in {language}?; Put this into {language}: {text}; {language} for "{text}"; Say "{text}" in {language}. | translation:phrase > In {language} that is: {translation}
play_music | Play music | query:phrase:artist or song; volume:percent:from 0 to 100? | Play {query}.; Put on {query} at volume {volume}.; I want to hear {query}.; Start {query} with volume {volume}.; Music: {query} | playing:phrase > Playing {playing}.
search_files | Find files by name | pattern:pattern:glob to match; folder:folder:where to look? | Find files named {pattern} in {folder}.; Where are my {pattern} files?; List everything that matches {pattern} in {folder}.; Search {folder} for {pattern}.; Look for {pattern}. | count:small > {count} files match {pattern}.
read_file | Read a file | path:path:file to read | Show me {path}.; Open {path}.; What does {path} say?; Read the file {path}.; cat {path} | lines:number > {path} has {lines} lines.
delete_file | Delete a file | path:path:file to delete | Delete {path}.; Remove the file {path}.; Get rid of {path}.; Throw away {path}.; I don't need {path} any more, delete it. | status:sent > {path} was deleted.
get_stock_price | Price of a share | symbol:symbol:ticker symbol | What is {symbol} trading at?; Price of {symbol}?; How is the {symbol} share doing?; stock {symbol}; Give me the share price of {symbol}. | price:number > {symbol} stands at {price}.
set_thermostat | Set the heating of a room | room:room:which room; degrees:degrees:target temperature | Set the {room} to {degrees} degrees.; Make the {room} {degrees} degrees warm.; Heat the {room} to {degrees}.; {room} to {degrees} degrees, please; I would like {degrees} degrees in the {room}. | status:sent > The {room} is set to {degrees} degrees.
switch_light | Switch a light on or off | room:room:which room; on:bool:true for on | Turn the light in the {room} {on}.; Light {on} in the {room}.; Switch {on} the lamp in the {room}.; {room} light {on}; Please put the light {on} in the {room}. | status:sent > Done.
book_table | Book a table in a restaurant | restaurant:name:name of the restaurant; people:small:number of guests; time:clock:when | Book a table at {restaurant} for {people} at {time}.; Reserve {restaurant} for {people} people, {time}.; Table for {people} at {restaurant} at {time}, please.; We are {people} and want to eat at {restaurant} at {time}.; Get us into {restaurant} at {time}, {people} persons. | code:code > The table at {restaurant} is booked, code {code}.
add_task | Add a task to the to-do list | text:message:what to do; priority:priority:how urgent? | Remind me to do this: {text}; Add to my list: {text}; New task: {text}; Put "{text}" on my to-do list with {priority} priority.; Note a {priority} task: {text} | id:code > It is on your list.
get_distance | Distance between two places | start:place:from; end:place:to | How far is it from {start} to {end}?; Distance {start} to {end}?; How many kilometres are between {start} and {end}?; What is the distance from {start} to {end}?; I drive from {start} to {end}: how far? | km:number > It is {km} km from {start} to {end}.
find_flight | Search flights | origin:place:from; destination:place:to; date:date:day as YYYY-MM-DD | Find a flight from {origin} to {destination} on {date}.; I need to fly from {origin} to {destination} on {date}.; Flights {origin} {destination} {date}; Which flights go from {origin} to {destination} on {date}?; Get me from {origin} to {destination} by plane on {date}. | count:small > There are {count} flights from {origin} to {destination}.
run_query | Run an SQL query | database:word:name of the database; query:sql:SQL text | Run {query} on {database}.; In the database {database}, execute: {query}; Query {database} with {query}; {database}: {query}; Ask {database} this: {query} | rows:number > The query gave {rows} rows.
resize_image | Change the size of an image | path:path:image file; width:number:pixels; height:number:pixels | Resize {path} to {width} by {height}.; Make {path} {width}x{height}.; Scale the image {path} to {width} x {height} pixels.; {path} to width {width} and height {height}; I need {path} in {width} times {height}. | status:sent > {path} is now {width} by {height}.
get_user | Look up a user | user_id:number:number of the user | Who is user {user_id}?; Look up user {user_id}.; Show the account {user_id}.; user {user_id}; Which person has the id {user_id}? | name:fullname > User {user_id} is {name}.
create_user | Create a user account | name:fullname:full name; email:email:address; admin:bool:whether an administrator? | Create an account for {name}, {email}.; Add {name} ({email}) as a user.; New user {name} with mail {email}.; Register {name} with the address {email}.; Make {name} a user: {email} | id:code > {name} now has an account.
get_news | Latest headlines | topic:topic:subject; count:small:how many? | What's new about the {topic}?; Give me {count} headlines on the {topic}.; News on {topic}?; {count} news items about {topic}, please; Any news of the {topic}? | headline:phrase > The top story is: {headline}
calculate | Compute an arithmetic expression | expression:expression:what to compute | Calculate {expression}.; What is {expression}?; Compute {expression} with the calculator.; {expression} = ?; Work out {expression}. | result:number > {expression} is {result}.
get_time | Current time in a place | city:place:name of the city | What time is it in {city}?; Time in {city}?; Tell me the local time in {city}.; How late is it in {city}?; What does the clock say in {city}? | time:clock > In {city} it is {time}.
send_message | Send a chat message | recipient:name:who gets it; text:message:what to say | Tell {recipient} this: {text}; Message {recipient}: {text}; Text {recipient} that {text}; Send {recipient} the message "{text}"; Let {recipient} know: {text} | status:sent > {recipient} has the message.
order_item | Order an article | item:thing:what to order; quantity:small:how many | Order {quantity} of the {item}.; Buy {quantity} {item}s.; I need {quantity} pieces of {item}, please order.; Get me {quantity} x {item}.; Please order the {item}, {quantity} times. | code:code > Ordered, number {code}.
track_parcel | Where a parcel is | number:code:tracking number | Where is parcel {number}?; Track {number}.; What happened to my parcel {number}?; Status of shipment {number}?; Has {number} arrived? | place:place > Parcel {number} is in {place}.
lock_door | Lock or unlock a door | door:room:which door; locked:bool:true to lock | Set the lock of the {door} door to {locked}.; {door} door lock {locked}; Put the {door} lock {locked}.; The {door} door should have its lock {locked}.; Switch the lock of the {door} {locked}. | status:sent > Done.
list_processes | Running processes of a host | host:word:name of the host; limit:small:at most this many? | What is running on {host}?; Show the top {limit} processes on {host}.; Processes of {host}?; List {limit} processes that run on {host}.; Which programs does {host} run? | count:number > {count} processes run on {host}.
restart_service | Restart a service | service:word:name of the service; host:word:where it runs? | Restart {service}.; Restart {service} on {host}.; Bounce the {service} service on {host}.; {service} hangs on {host}, restart it.; Please start {service} anew. | status:sent > {service} was restarted.
"""

# How a result of unknown shape and a request of an invented function are put.
VERBS = "get set update list create remove check start stop fetch count rename copy move open close archive publish approve measure".split()
NOUNS = "invoice ticket sensor playlist recipe order device report branch ticket account photo room channel pump queue backup label contract vehicle".split()
IRRELEVANT = [
    "I have no function for that.",
    "None of my functions can do that.",
    "I can't do that with the functions I have.",
]


@dataclass(frozen=True)
class Parameter:
    name: str
    kind: str
    description: str
    required: bool


@dataclass(frozen=True)
class Function:
    name: str
    description: str
    parameters: tuple[Parameter, ...]
    requests: tuple[str, ...]
    result: tuple[tuple[str, str], ...]
    told: str


def read_row(row: str) -> Function:
    name, description, parameters, requests, outcome = (cell.strip() for cell in row.split(" | "))
    listed = []
    for parameter in parameters.split(";"):
        key, kind, text = parameter.strip().split(":", 2)
        listed.append(Parameter(key, kind, text.rstrip("?"), not text.endswith("?")))
    shape, told = outcome.split(" > ")
    result = tuple((k, v) for k, v in (pair.strip().split(":") for pair in shape.split(",")))
    return Function(
        name,
        description,
        tuple(listed),
        tuple(r.strip() for r in requests.split("; ")),
        result,
        told,
    )


FUNCTIONS = [read_row(row) for row in TABLE.strip().splitlines()]
