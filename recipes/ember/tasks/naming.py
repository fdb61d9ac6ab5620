"""Naming: how training names and describes a parameter of each role of `roles.py`, beyond what is there.

What a role holds out is refused as the table is read.
"""
# ruff: noqa: E501 (a table is read by rows)

from __future__ import annotations

from dataclasses import dataclass

from .roles import ROLES

# role | names | descriptions
TABLE = """
place | in_city, city_name, location_name, venue, nearby, around, district, municipality, village, near, locality, place_name, country, state, destination_city, base, home_town, spot, geo, loc | place name; name of the place; which town; where it is; where it happens; the area; town or village; place concerned; location to use; for which city; the spot; where to look; where exactly; geographic name
origin | from_location, start_city, departing, starting_point, leaving_from, src_city, from_station, starts_at, place_from, from_town, boarding, origin_city, departure_city, home, from_where | where to start; place it leaves from; first place; where one leaves; from which place; the start; start of the way; town of departure; starts here; where it is picked up; leaving from
destination | to_location, end_city, arriving, going_to, dest, dst_city, to_station, ends_at, place_to, to_town, drop_off, destination_city, arrival_city, to_where, final_place | where to go; place it goes to; last place; where one arrives; to which place; the end; end of the way; town of arrival; ends here; where it is dropped; going to
person | full_user_name, person_name, username, holder, subscriber, assignee, resident, applicant, passenger, buyer, visitor, worker, staff, contact_person, account_holder, whose, by_whom, participant, tenant, whom | name and family name; which person; first and last name; who it is about; for whom; who owns it; the user's name; name as in the passport; who is meant; the one concerned; name of the user
recipient | send_to, target, addressee_name, notify, to_whom, deliver_to, to_person, consignee, mate, who, person, forward_to, buddy, partner | who should have it; the one who gets it; name of the addressee; who receives it; person at the other end; who to tell; whom to reach; for which person; first name of the receiver
email | e_mail, mail_to, to_email, mailbox, contact_mail, customer_email, mail_address, login_email, from_email, notify_email, recipient_email, owner_email, address_email | e-mail; mail address; address with @; email of the user; which mailbox; contact by mail; electronic address; mail to use; where mail goes
date | when, on, day_of, target_date, date_of_event, for_date, at_date, event_day, begin_date, valid_from, scheduled, as_of, arrival_date, delivery_date, birth_date, expiry | the date, YYYY-MM-DD; date in ISO format; which date (YYYY-MM-DD); YYYY-MM-DD, the day; day of it as YYYY-MM-DD; calendar date; when, as YYYY-MM-DD; day in the form YYYY-MM-DD
time | start_at, clock_time, hhmm, begins, starts, opening, time_of_day, at_hour, wake_at, scheduled_time, arrival_time, meeting_time, departure_time, exact_time | HH:MM; clock time; time of day; at which time; at what time, HH:MM; the hour, HH:MM; when it begins (HH:MM); time in 24 hours; hours and minutes; begin of it
end_time | finish_time, ends, ends_at, stop_time, closes_at, time_to, until_time, latest, finish_at, end_at, deadline_time, close, quit_at | HH:MM of the end; when it is over; end of it; closing time; time when it ends; until what time; last minute of it; not later than this; when to stop, HH:MM
count | amount, how_often, num, size, persons, participants, page_size, first_n, max_count, units, times, repeat, max_items, n_items, per_page, tickets, rows, entries, max_rows, batch | number wanted; how many of them; whole number; count of items; number of pieces; at most how many; how many pieces; the number; how many are wanted; maximum number; size of the list
amount | price_limit, total_price, fee, payment, max_price, min_amount, interest, deposit, tip, charge, score, ratio_value, discount, tax, salary, number, decimal, level, cash, balance | decimal; a number with a point; sum of money; price in euros; how much it is; value as a number; euros; decimal value; what it costs; amount in the currency; the figure
big | count, total, value, quantity, length, max_size, min_size, pixels, meters, capacity, area, limit, points_total, kilobytes, duration_ms, altitude, steps, calories, volume, level | integer; a whole number; how big; number of units; size; the number; how large; how far; in metres; in pixels; value as integer; how high; total
level | percent, pct, strength, power, ratio, fill, position, zoom, charge, contrast, gain, discount, probability, confidence, coverage, dim, rate, tip, completion | percent; 0 to 100; value from 0 to 100; in per cent; as a percentage; number between 0 and 100; how much in percent; per cent; strength in percent; how far, 0-100
duration | wait_for, ttl, period, length_of_time, time_span, run_for, max_wait, expires_in, snooze, lasts, time_limit, grace, keep_for, retention, nights, weeks, repeat_after, sleep | how long it takes; time to wait; how long it lasts; length of it; the duration; time span; number of time units; how long it should go on; period; time it runs
number_id | identifier, record, key_id, pk, row, entry, reference_number, customer_id, invoice_no, employee_id, task_id, message_id, device_id, post_id, order_no, no, num, document_id | ID; numeric id; number of the record; which record; the key; its number; primary key; identifying number; number that identifies it; id of it
code | identifier, id, uuid, tracking, voucher, order_code, article, model_number, reg, part_number, hash, pin, coupon, registration, licence, serial_number, tracking_id, booking, confirmation | code on it; reference; its code; the reference code; letters and digits; what is printed on it; number and letters; alphanumeric code; code to use; unique code
path | filepath, file_name, pathname, in_file, out_file, src, dst, save_as, template, config, log_file, attachment, upload, picture, location, script, load_from, save_to | path; file; which file; path to the file; name of the file with its folder; full file name; where it is on disk; file concerned; file to work on; path on disk
folder | path, working_dir, target_dir, source_dir, dir_path, output_folder, parent, repository, mount, home_dir, into, search_in, library, storage, drive, share, data_dir | folder; which folder; path of the folder; directory to use; where files are; which directory; path of the directory; the place on disk; folder concerned; where to put it
url | uri, web_page, target_url, source_url, homepage, download_url, image_url, remote, api_url, web_address, location, resource, site_url, origin, callback_url | URL of the page; address on the web; https link; web page; the link; full URL; where it is on the web; address to open; online address; which page
host | server_name, target, remote, box, address, endpoint, peer, gateway, proxy, workstation, vm, fqdn, node_name, destination, ssh_host, db_host, machine_name | host name; name of the server; which machine; which server; machine concerned; the host; where it runs; address of the server; name of the host; server to use
text | msg, message_body, caption, input, words, statement, details, feedback, question, answer, post, sentence, info, letter, narrative, note_text, explanation, request | the message; a text; words of it; what it says; text to use; the words; what is written; body of it; content of the message; text that is wanted; what to write
title | called, caption_text, title_text, display_name, event_name, file_title, project, list_name, playlist, chapter, song, book, film, article, product_name, alias, short_name, header | title; the name; name of it; what it is called; short text; how to call it; title to use; the title; its name; a few words; label to show
query | find, search_text, lookup, what, text, question, keywords_text, q_string, match, looking_for, needle, criteria, about, words, search_query, regex, contains | text to find; what to find; words to look for; search text; the query; what is searched; terms; what it should contain; words in it; topic to find
object | subject, piece, element, goods_item, commodity, appliance, equipment, resource, asset, what, entity, target, kind_of, product_name, furniture, instrument, gadget, gear | which object; the thing; what it is; object concerned; name of the thing; which item; what is meant; name of the article; the object; what to take
language | in_language, lang_code, from_language, spoken, into, translate_to, idiom, reply_language, text_language, ui_language, speech, native, written_in | the language; language wanted; language of the text; in which language; a language; language by name; spoken language; language of the result; what language
colour | color_name, main_color, border, line_color, paint_color, hue, fill_color, dye, text_color, pen, ink, theme, coat, wall_color, led | the colour; colour by name; name of a colour; color; what colour; colour wanted; in which colour; main colour; colour of it
weekday | day_name, on_weekday, dow, day, weekly_on, when, meeting_day, delivery_day, off_day, market_day, rest_day, wash_day, day_of_the_week | weekday; day; name of the weekday; on which day; weekday by name; which day; day it happens; a day like Monday; which day of the week
month | month_name, for_month, in, which, report_for, month_of, salary_month, travel_month, birth_month, begin_month, harvest, statement | month; the month; in which month; month by name; for which month; month it is about; name of month; a month like May
year | for_year, yr, model_year, published, built, release_year, tax_year, school_year, start_year, born, year_of, founded, class_of | year; in which year; year of it; for which year; four-digit year; calendar year; what year; year it is about
version | ver, release_name, semver, package_version, software_version, branch_version, at_version, new_version, installed, rev, revision, edition, image_tag, lib_version | version; the version; version number; which release; number of the version; version wanted; release number; in which version; version like 2.0
phone | phone_no, cell, call, dial, number_to_call, contact_number, landline, msisdn, sms_to, whatsapp, phone_of, emergency_contact, ring, hotline | phone; the number; telephone number; number of the phone; whom to ring; phone to use; where to call; mobile number; contact number
measure | quantity, volume, length, height, mass, how_much, amount_needed, width, area, power, reading, content, duration, per_day, thickness, speed | amount and unit; number with unit; quantity; how much of it; size with unit; value with unit; measure; like 3 kg; amount, for example 20 km
""".strip()


@dataclass(frozen=True)
class Naming:
    names: tuple[str, ...]
    descriptions: tuple[str, ...]


def read_table() -> dict[str, Naming]:
    held = {role.key: (role.names[4::5], role.descriptions[4::5]) for role in ROLES}
    found = {}
    for row in TABLE.splitlines():
        key, names, descriptions = (cell.strip() for cell in row.split(" | "))
        names_held, descriptions_held = held[key]
        found[key] = Naming(
            tuple(n for n in names.split(", ") if n not in names_held),
            tuple(t for t in descriptions.split("; ") if t not in descriptions_held),
        )
    return found


BY_ROLE = read_table()
