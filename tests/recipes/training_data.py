"""What "the same training data" means: a hash of everything that the recipe of ember generates.

`python -m tests.recipes.training_data` prints a line for each part. The documents are made here
from fixed seeds, so nothing depends on the machine or on the Python that runs it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import json
import random
import tempfile
import unittest.mock
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from recipes.ember import (
    bad_input,
    begin,
    chat,
    corpus,
    encode,
    mixture,
    pairing,
    readers,
    reward,
    tasks,
    tokenizer,
)
from recipes.ember.scale import TINY
from recipes.ember.tasks import arithmetic, manual, pairs
from recipes.ember.tasks.draw import Draw

EMBER = Path(__file__).parents[2] / "src" / "ingle" / "models" / "embedded" / "ember.gguf"
SCALE = dataclasses.replace(
    TINY, pretrain_conversations=200, instruct_conversations=100, embed_steps=20
)
# Conversations of each task: by the split, with documents and without any.
DRAWN = {"train": (240, 40), "validation": (40, 10), "test": (60, 20)}
COMMANDS = """tar ls cp grep sed ssh curl git-commit git-log git-status frob widgetctl mkthing lsfoo
pack unpack convertx syncd""".split()  # noqa: SIM905
VERBS = """print show list remove sort reverse ignore copy compress skip keep follow create write
suppress enable use""".split()  # noqa: SIM905
OPTIONS = """all recursive force output verbose width lines exclude user host format level file
directory timeout jobs since title email language url quiet reverse number sort-key no-color
dry-run keep-going pattern name""".split()  # noqa: SIM905
OBJECTS = [
    "every file of the directory",
    "the given number of lines",
    "all hidden entries",
    "symbolic links in the tree",
    "the output of the command",
    "blank lines at the end",
    "messages about errors",
]
ENTRIES = """begin big change commence computer delete display document engine erase exhibit fast
file finish great large machine modify obliterate print quick rapid record show""".split()  # noqa: SIM905
PAGE = (
    ".TH TAR 1\n.SH NAME\ntar \\- an archiving utility\n.SH OPTIONS\n.TP\n"
    "\\fB\\-x\\fR, \\fB\\-\\-extract\\fR\nExtract files.\n.nf\ncode  here\n.fi\n.IP \\(bu 2\nitem\n"
    ".RS\nmore\n.RE\n.TS\nx\n.TE\n.BR a (1)\n.Nm foo\n.Op Fl x Ar file\n.Nd what\n.It Fl a\ntext\n"
    ".Dq quoted word\n.br\n\\(lqhi\\(rq \\*(Aqq\\*(Aq \\e\\& a\\|b\\ c\n.SS Sub\n.ig\nno\n..\n.El\n"
)
SITE = (
    "<?xml version='1.0'?><page><info>no</info><title>Open &kate;</title><h1>Head<a class="
    "'headerlink'>¶</a></h1><p>A  b <b>c</b> “q” &amp;</p><pre>x\n  y</pre><ul><li>one<li>two</ul>"
    "<table><tr><td>1<td>2</table><dl><dt>t<dd>d</dl><script>no</script><list><item><p>One</p>"
    "</item></list><br/>z</page>"
)


def page_of_a_manual(rng: random.Random, name: str, split: str) -> corpus.Document:
    text = f"## NAME\n\n{name} - {rng.choice(VERBS)} {rng.choice(OBJECTS)}\n\n"
    text += f"## SYNOPSIS\n\n{name} [OPTION]... FILE...\n\n## OPTIONS\n\n"
    for option in rng.sample(OPTIONS, 14):
        letter = rng.choice("alrnvxfzcitdsupHRSF1")
        flags = (f"-{letter}", f"-{letter}, --{option}", f"--{option}", f"--{option}=NAME")
        end = rng.choice((" to the given number", " of FILE", " when asked", ""))
        text += f"{rng.choice(flags)}\n    {rng.choice(VERBS).capitalize()} "
        text += f"{rng.choice(OBJECTS)}{end}.\n\n"
    return corpus.Document(f"{name}.1", "p", "man", f"{name}.1", f"p/{name}", split, text)


def page_of_a_site(rng: random.Random, number: int) -> corpus.Document:
    def sentence() -> str:
        end = rng.choice((".", f", and the {rng.choice(ENTRIES)} stops."))
        begin = f"The {rng.choice(ENTRIES)} {rng.choice(('is', 'can', 'returns'))}"
        middle = f"{rng.choice(VERBS)} {rng.choice(OBJECTS)} {rng.choice(('when', 'if', 'with'))}"
        return f"{begin} {middle} the {rng.choice(ENTRIES)} deletes {rng.choice(OBJECTS)}{end}"

    paragraphs = [" ".join(sentence() for _ in range(3)) for _ in range(10)]
    text = "\n\n".join([f"## Section {number}", *paragraphs])
    split = ("train", "test", "validation", "test")[number % 4]
    return corpus.Document(f"h{number}", "h", "html", f"page-{number}", f"w{number}", split, text)


def dictionary(rng: random.Random) -> corpus.Document:
    entries = []
    for word in ENTRIES:
        first, second, third = rng.sample(ENTRIES, 3)
        entries.append(
            f"{word}\n    {rng.choice(('n', 'v', 'adj'))} 1: {rng.choice(VERBS)} something that is "
            f"{rng.choice(ENTRIES)} [syn: {{{word}}}, {{{first}}},\n         {{{second}}}]\n"
            f"    2: another sense of the thing in the world [syn: {{{word}}}, {{{third}}}]"
        )
    text = "\n\n".join(entries)
    return corpus.Document("d", "dict-wn", "dictionary", "wn", "wordnet", "train", text)


def documents() -> list[corpus.Document]:
    rng = random.Random(5)
    pages = [page_of_a_manual(rng, name, "train") for name in COMMANDS]
    pages.append(page_of_a_manual(rng, "heldout", "test"))
    return [*pages, *(page_of_a_site(rng, number) for number in range(80)), dictionary(rng)]


def shown(conversation: chat.Conversation) -> list[Any]:
    return [*dataclasses.astuple(conversation), chat.render(conversation)]


def of_tasks(facts: tasks.Facts) -> Iterator[tuple[str, Any]]:
    bare = tasks.Facts([], [])
    for name in tasks.TASKS:
        for split, (many, few) in DRAWN.items():
            made = [shown(tasks.one(facts, name, split, index)) for index in range(many)]
            made += [shown(tasks.one(bare, name, split, index)) for index in range(few)]
            yield f"task {name} {split}", made
    yield "tasks mixed", [shown(tasks.generate(facts, "train", index)) for index in range(400)]
    yield "options of common commands", [shown(c) for c in manual.plainest(facts)]
    yield (
        "dates and units",
        [
            problem(Draw("test", f"{number}"))
            for problem in arithmetic.DATES_AND_UNITS
            for number in range(60)
        ],
    )
    yield (
        "rewarded",
        [
            shown(tasks.one(facts, name, "train", reward.FIRST_SEED + number))
            for number, name in enumerate(reward.CHECKED)
        ],
    )


def of_pairs(material: pairs.Material) -> Iterator[tuple[str, Any]]:
    yield "pairs", [pairs.block(material, "train", number) for number in range(200)]
    for split in material.passages:
        yield f"questions {split}", pairs.questions(material, split, 30)


def of_stages(folder: Path, facts: tasks.Facts) -> Iterator[tuple[str, Any]]:
    """The arrays that training reads, in the tokens of the shipped model."""
    yield "facts.json", (folder / "facts.json").read_text()
    begin.write(EMBER, folder)
    encode.run(SCALE, folder)
    pairing.run(SCALE, folder)
    for path in sorted(folder.glob("*.npy")):
        yield path.name, np.load(path).tolist()
    for path in sorted(folder.glob("conversations/*.npz")):
        with np.load(path) as shard:
            yield path.name, [shard["rows"].tolist(), shard["masks"].tolist()]
    batch = mixture.batches(SCALE, folder, "pretrain", SCALE.sequence, SCALE.pretrain_rows)
    rows = [[tensor.tolist() for tensor in part] for step in range(4) for part in batch(step)]
    yield "batches of pretraining", rows
    sent = bad_input.items(facts, 30, tokenizer.load(folder), SCALE.context)
    yield "bad input", {kind: [shown(c) for c in some] for kind, some in sent.items()}


def parts() -> Iterator[tuple[str, Any]]:
    made = documents()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = [json.dumps(dataclasses.asdict(document)) for document in made]
        (folder / "corpus.jsonl").write_text("\n".join(lines), encoding="utf-8")
        tasks.run(SCALE, folder)
        facts = tasks.load_facts(folder)
        yield from of_stages(folder, facts)
        yield from of_tasks(facts)
        yield from of_pairs(pairs.gather(made, facts))
    yield "documents apart", [dataclasses.asdict(d) for d in corpus.taken_apart(made)]
    yield "leakage", corpus.leakage(made)
    yield "readers", [readers.read_roff(PAGE), readers.read_html(SITE), readers.read_help(SITE)]
    yield "chat template", chat.TEMPLATE


def hashes() -> dict[str, str]:
    # Conversations are packed by shards, of which there is at least one for each core.
    cores = unittest.mock.patch("os.cpu_count", return_value=2)
    with cores, contextlib.redirect_stdout(io.StringIO()):
        return {
            name: hashlib.sha256(json.dumps(part).encode()).hexdigest() for name, part in parts()
        }


if __name__ == "__main__":
    for part, digest in hashes().items():
        print(f"{digest}  {part}")
