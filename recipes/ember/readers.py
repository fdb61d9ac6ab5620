"""Readers: man pages, HTML, Info and plain text become plain text with `## ` headings.

The roff reader knows only the macros that documentation uses (man(7), mdoc(7), a little
pod2man); a page that needs more is dropped by the corpus filter rather than half understood.
"""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from typing import Any

from . import tables

TABLES = tables.lists("readers")
ESCAPES, MDOC_INLINE = TABLES.escapes, TABLES.mdoc
ESCAPE = re.compile("|".join(re.escape(k) for k in sorted(ESCAPES, key=len, reverse=True)))
FONT = re.compile(r"\\f(?:\[[^]]*\]|\(..|.)|\\s[-+]?\d|\\m\[[^]]*\]|\\[hvwX]'[^']*'")
NAMED = re.compile(r"\\\[([^]]+)\]|\\\(..|\\\*\[[^]]*\]|\\\*\(..|\\\*.")
# What a macro puts before what follows it.
GAPS = {
    **dict.fromkeys(("PP", "P", "LP", "HP", "sp", "Sp", "RE"), "\n\n"),
    **dict.fromkeys(("Pp", "El", "Bl", "Bd", "Ed"), "\n\n"),
    "RS": "\n    ",  # asciidoc and docbook put an option's description in one
    "br": "\n",
}
VERBATIM = {"nf": True, "EX": True, "Vb": True, "fi": False, "EE": False, "Ve": False}
ENDS = {"TS": ".TE", "EQ": ".EN", "PS": ".PE", **dict.fromkeys(("ig", "de", "de1", "am"), "..")}
HEADINGS = {"SH": "", "Sh": "", "SS": "# ", "Ss": "# "}
FONTS = ("B", "I", "R", "SM", "SB", "UR", "MT")
TWO_FONTS = ("BR", "RB", "IR", "RI", "BI", "IB")


def roff_inline(text: str) -> str:
    """Escapes and font changes of one roff line, as plain text."""
    text = FONT.sub("", text.split('\\"')[0])
    return NAMED.sub("", ESCAPE.sub(lambda m: ESCAPES[m.group()], text))


def roff_arguments(text: str) -> list[str]:
    return [a.strip('"') for a in re.findall(r'"(?:[^"]|"")*"|\S+', text)]


def mdoc_line(macro: str, arguments: list[str], name: str) -> str:
    """`.Op Fl x Ar file` is a line of macros that follow each other; render them all."""
    words, pending = [macro, *arguments], ""
    parts: list[str] = []
    closers: list[str] = []
    for word in words:
        if word in MDOC_INLINE:
            if pending == "Fl":
                parts.append("-")
            pattern = MDOC_INLINE[word]
            if word in ("Op", "Dq", "Sq", "Pq", "Aq", "Bq", "Qq", "Ql"):
                before, after = pattern.split("{}")
                parts.append(before)
                closers.append(after)
                pending = ""
            else:
                pending = word
                if word == "Nm" and not arguments:
                    parts.append(name)
                    pending = ""
        elif word in (".", ",", ";", ":", ")", "|"):
            parts.append(word)
        elif word == "Ns":
            parts.append("\b")
        elif pending:
            parts.append(MDOC_INLINE[pending].format(word))
            pending = "" if pending == "Fl" else pending
        else:
            parts.append(word)
    line = " ".join(parts + closers[::-1])
    line = line.replace(" \b ", "").replace("\b", "")
    return re.sub(r"([\[(<'\"]) | (?=[\])>.,;:])", r"\1", line)


def read_roff(source: str) -> str:
    """A man page as text. Tables, equations and pictures are left out."""
    out: list[str] = []
    name, verbatim, skipping, tagged = "", False, "", False

    def put(text: str) -> None:
        nonlocal tagged
        out.append(text + "\n" if verbatim or tagged else text + " ")
        if tagged:
            out.append("    ")
        tagged = False

    for raw in source.splitlines():
        if skipping:
            skipping = "" if raw.startswith(skipping) else skipping
            continue
        if not raw.startswith((".", "'")):
            text = roff_inline(raw)
            put(text if verbatim else text.strip()) if text.strip() else out.append("\n\n")
            continue
        macro, _, rest = raw[1:].strip().partition(" ")
        arguments = [roff_inline(a) for a in roff_arguments(rest)]
        joined = " ".join(arguments)
        if macro in ENDS:  # tables, equations, pictures, definitions
            skipping = ENDS[macro]
        elif macro in HEADINGS:
            title = f"\n\n## {HEADINGS[macro]}{joined}\n\n".replace("## # ", "### ")
            out.append(title if joined else "")
            verbatim = False
        elif macro in ("TP", "TQ"):
            out.append("\n\n")
            tagged = True
        elif macro == "IP":
            out.append("\n\n" + (arguments[0] + "\n    " if arguments else ""))
        elif macro in GAPS:
            out.append(GAPS[macro])
        elif macro in VERBATIM:
            verbatim = VERBATIM[macro]
            out.append("\n\n")
        elif macro in FONTS:
            put(joined)
        elif macro in TWO_FONTS:
            put("".join(arguments))
        elif macro == "Nd":
            put("- " + joined)
        elif macro == "It":
            out.append("\n\n" + mdoc_line("No", arguments, name) + "\n    ")
        elif macro in MDOC_INLINE:
            if macro == "Nm" and arguments and not name:
                name = arguments[0]
            put(mdoc_line(macro, arguments, name))
    return tidy("".join(out))


class HTMLReader(HTMLParser):
    """Text of a page: headings marked, code kept as it is, navigation dropped. What stands before
    the text of a tag is in a table."""

    def __init__(self, tags: dict[str, Any]) -> None:
        super().__init__(convert_charrefs=True)
        self.skipped, self.headings = tags["skipped"], tags["headings"]
        self.before: dict[str, str] = tags["before"]
        self.out: list[str] = []
        self.depth_skipped = 0
        self.depth_pre = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        classes = dict(attrs).get("class") or ""
        if tag in self.skipped:
            self.depth_skipped += 1
        elif tag == "pre":
            self.depth_pre += 1
            self.out.append("\n\n")
        else:
            self.out.append(self.before.get(tag, ""))
        if tag == "a" and ("headerlink" in classes or "permalink" in classes):
            self.out.append("\0")  # the pilcrow that follows is cut below

    def handle_endtag(self, tag: str) -> None:
        if tag in self.skipped:
            self.depth_skipped = max(0, self.depth_skipped - 1)
        elif tag == "pre":
            self.depth_pre = max(0, self.depth_pre - 1)
            self.out.append("\n\n")
        elif tag in self.headings or tag in ("h3", "h4", "p", "div", "table", "dl", "ul"):
            self.out.append("\n\n")

    def handle_data(self, data: str) -> None:
        if not self.depth_skipped:
            self.out.append(data if self.depth_pre else re.sub(r"\s+", " ", data))


def read_html(source: str) -> str:
    reader = HTMLReader(TABLES.html)
    reader.feed(source)
    return tidy(re.sub("\0[¶#§]?", "", "".join(reader.out)).replace("¶", ""))


def read_help(source: str) -> str:
    """The help of desktop programs: Mallard (GNOME) and DocBook (KDE)."""
    reader = HTMLReader(TABLES.help)
    reader.feed(re.sub(r"(?s)<\?xml.*?\?>|<!DOCTYPE[^\[>]*(\[.*?\]\s*)?>", "", source))
    text = re.sub(r"&([A-Za-z][\w.-]*);", r"\1", "".join(reader.out))
    return tidy(re.sub(r"\n- \s+", "\n- ", text))


def read_info(source: str) -> str:
    """GNU Info: nodes are separated by ^_ and begin with a navigation line."""
    nodes = []
    for node in source.split("\x1f")[1:]:
        _, _, body = node.strip().partition("\n")
        body = re.sub(r"(?ms)^\* Menu:.*", "", body)
        body = re.sub(r"(?m)^(\d[\d.]*\s+)?(.+)\n[*=\-.]{3,}$", r"## \2", body)
        nodes.append(re.sub(r"\*[Nn]ote ([^:]+)::", r"\1", body))
    return tidy("\n\n".join(nodes))


def read_dictionary(source: str) -> str:
    """dict.org text: entries begin in column 0, definitions are indented; headings to skip."""
    text = re.sub(r"(?m)^00-?database.*(\n .*)*", "", source)
    return tidy(re.sub(r"\n(?=\S)", "\n\n", text))


def tidy(text: str) -> str:
    text = html.unescape(text) if "&lt;" in text or "&amp;" in text else text
    text = text.replace("\t", "    ").replace("\r", "").replace("\u00ad", "")
    for fancy, plain in TABLES.plain.items():
        text = text.replace(fancy, plain)
    text = re.sub(r" +\n", "\n", text)
    text = re.sub(r"(?<=\S)  +(?=\S)", "  ", text)
    text = re.sub(r"\n +\n", "\n\n", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()
