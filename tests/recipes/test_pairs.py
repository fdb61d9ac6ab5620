"""Pairs for the embedding model: in other words, and in other words than the test's."""

from __future__ import annotations

import dataclasses
import re
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from recipes.ember import corpus, embed, model, retrieval  # noqa: E402
from recipes.ember.scale import TINY  # noqa: E402
from recipes.ember.tasks import pairs, paraphrase, synonyms  # noqa: E402
from recipes.ember.tasks.draw import Draw  # noqa: E402
from recipes.ember.tasks.facts import Facts  # noqa: E402

pytestmark = pytest.mark.extras

DICTIONARY = """erase
    v 1: remove from memory or existence [syn: {erase}, {wipe out},
         {obliterate}]
    2: wipe out digitally [syn: {erase}, {delete}]

obliterate
    adj 1: reduced to nothingness [syn: {obliterate}, {blotted out}]
    v 1: remove completely from recognition or memory [syn:
         {obliterate}, {erase}]
"""
SENTENCES = [
    "This option deletes every file of the directory when the program ends without an error.",
    "The command displays a list of the users whose passwords expire within the given days.",
    "A server starts its services in the order that the configuration file of the host names.",
    "It copies the picture to the network folder before the machine stops or begins again.",
]


def document(name: str, split: str, package: str = "p") -> corpus.Document:
    text = f"## Heading {name}\n\n" + "\n\n".join(
        " ".join(SENTENCES[i % 4 :] + SENTENCES[: i % 4]) + f" Part {name} {i}." for i in range(12)
    )
    return corpus.Document(name, package, "html", name, name, split, text)


@pytest.fixture(scope="module")
def material() -> pairs.Material:
    documents = [document(f"page{i}", "train") for i in range(12)]
    documents += [document(f"test{i}", "test") for i in range(6)]
    documents.append(
        corpus.Document("d", "dict-wn", "dictionary", "wn", "wordnet", "train", DICTIONARY)
    )
    return pairs.gather(documents, Facts([], []))


def test_the_dictionary_is_read_with_its_senses() -> None:
    words = [corpus.Document("d", "dict-wn", "dictionary", "wn", "w", "train", DICTIONARY)]
    found = list(synonyms.entries(words))
    assert [(e.word, e.part) for e in found] == [
        ("erase", "v"), ("erase", "v"), ("obliterate", "adj"), ("obliterate", "v"),
    ]  # fmt: skip
    assert found[0].others == ["erase", "wipe out", "obliterate"]
    assert found[1].definition == "wipe out digitally"
    read = synonyms.Synonyms.read(words, frozenset(("erase", "obliterate", "delete")))
    every = read.of("erase", "train") + read.of("erase", "test")
    assert "obliterate" in every  # each is a first sense of the other
    assert "delete" in every  # of the short list


def test_a_pair_of_words_is_in_one_split_in_both_directions() -> None:
    read = synonyms.Synonyms.read([])
    train, test = read.of_split["train"], read.of_split["test"]
    both = {(a, b) for a, listed in train.items() for b, _ in listed}
    held_out = {(a, b) for a, listed in test.items() for b, _ in listed}
    assert not both & held_out
    assert {(b, a) for a, b in both} == both
    assert len(held_out) > 0.1 * len(both)


def test_what_is_loose_is_for_training_and_shows_no_pair_of_the_test() -> None:
    words = [f"word{n}" for n in range(40)]
    strict = [(a, b, "n") for a in words[:20] for b in words[:20]]
    found = synonyms.Synonyms(strict, [(a, b, "n") for a in words for b in words])
    pairs_of = {(a, b) for a, others in found.loose.items() for b, _ in others}
    assert len(pairs_of) > len({(a, b) for a, o in found.of_split["train"].items() for b, _ in o})
    assert not any(synonyms.held_out(a, b) for a, b in pairs_of)
    assert all(found.of(word, "train", loose=True) for word in words)
    with pytest.raises(AssertionError):
        found.of(words[0], "test", loose=True)


def test_a_query_says_it_otherwise(material: pairs.Material) -> None:
    text = " ".join(SENTENCES)
    held = pairs.content(text)

    def shared(queries: list[str]) -> float:
        words = [pairs.content(query) for query in queries]
        return sum(len(w & held) for w in words) / sum(map(len, words))

    draws = [Draw("train", str(n)) for n in range(100)]
    some = [paraphrase.paraphrased(d, SENTENCES[0], material.synonyms) for d in draws]
    fewest = [pairs.otherwise(d, text, SENTENCES, material.synonyms) for d in draws]
    assert shared(fewest) < shared(some)
    assert all(fewest)


def test_other_words_keep_their_endings() -> None:
    read = synonyms.Synonyms([("delete", "erase", "v"), ("file", "document", "n")])
    split = "test" if synonyms.held_out("delete", "erase") else "train"
    assert read.of("deletes", split) == ["erases"]
    assert read.of("deleted", split) == ["erased"]
    assert read.of("deleting", split) == ["erasing"]
    assert read.of("deletion", split) == []


def test_a_paraphrase_uses_other_words() -> None:
    read = synonyms.Synonyms.read([])
    said = [paraphrase.paraphrased(Draw("train", str(i)), SENTENCES[0], read, 1) for i in range(9)]
    assert len(set(said)) > 5
    assert all("deletes" not in text for text in said)


def test_blocks_are_neighbours_and_depend_on_their_number_alone(material: pairs.Material) -> None:
    made = [pairs.block(material, "train", number) for number in range(60)]
    assert made == [pairs.block(material, "train", number) for number in range(60)]
    assert all(pair.query and pair.passage for block in made for pair in block)
    assert max(map(len, made)) == pairs.BLOCK
    for block in made:
        assert not any(re.search(r"\btest\b", pair.passage) for pair in block)


def test_questions_have_passages_and_others_to_be_mistaken_for(material: pairs.Material) -> None:
    asked, others = pairs.questions(material, "test", 5)
    assert asked
    for question in asked:
        told = pairs.content(question.passage)
        framed = max(
            len(pairs.content(template.format(x=""))) for template in paraphrase.LISTS.about
        )  # words of the question's frame are nobody's
        shared = pairs.content(question.paraphrased) & told
        assert len(shared) <= len(pairs.content(question.paraphrased)) / 3 + framed
    assert not {q.passage for q in asked} & set(others)


def test_passages_that_say_the_same_are_no_negatives() -> None:
    vectors = torch.eye(4)[[0, 0, 1]]
    keys = torch.tensor([7, 7, 9])
    assert embed.loss_of(vectors, vectors, keys, None, keys) < 0.01
    other = torch.tensor([7, 8, 9])
    assert embed.loss_of(vectors, vectors, other, None, other) > 0.3


def test_a_wrong_passage_counts_against_its_query() -> None:
    right, wrong = torch.eye(4)[:2], torch.eye(4)[:2]
    keys = torch.tensor([1, 2])
    without = embed.loss_of(right, right, keys, None, keys)
    assert embed.loss_of(right, right, keys, wrong, keys + 10) > without + 0.3
    assert embed.loss_of(right, right, keys, wrong, keys) == without  # it is the right one again


def test_bm25_finds_the_passage_with_the_rare_word() -> None:
    passages = ["the cat sat on the mat", "the dog ate the bone", "the bird sang"]
    scores = retrieval.bm25(["the bone", "a bird"], passages)
    assert scores.argmax(1).tolist() == [1, 2]
    assert scores[1, 0] == 0


def test_a_hit_is_a_passage_among_the_first() -> None:
    scores = retrieval.bm25(["cat", "cat"], ["a cat", "a dog"])
    assert retrieval.hits(scores, first=1) == 1
    assert retrieval.hits(scores, first=2) == 2


@pytest.mark.parametrize("kept", [0, 200, 10**9])
def test_a_batch_in_parts_has_the_gradient_of_the_whole(kept: int) -> None:
    config = model.Config(64, 2, 64, 4, 2, 16, 64, 256, 10_000.0)
    torch.manual_seed(0)
    embedder = embed.Embedder(model.Qwen3(config))
    for parameter in embedder.parameters():
        if parameter.ndim == 2:
            torch.nn.init.normal_(parameter, std=0.2)
    rows = [
        (torch.randint(0, 64, (10, width)), torch.randint(3, width + 1, (10,)))
        for width in (30, 60)
    ]
    keys = torch.arange(10)

    def loss(vectors: list[torch.Tensor]) -> torch.Tensor:
        return embed.loss_of(vectors[0], vectors[1], keys, None, keys)

    whole = loss([embedder(*some) for some in rows])
    whole.backward()
    expected = [p.grad.clone() for p in embedder.parameters() if p.grad is not None]
    embedder.zero_grad()
    scale = dataclasses.replace(TINY, embed_micro=4, embed_kept=kept)
    parts = embed.Parts(embedder, torch.device("cpu"), scale)
    found, vectors = parts.step(rows, loss)
    assert torch.allclose(found, whole, atol=1e-5)
    assert torch.allclose(vectors[1], embedder(*rows[1]), atol=1e-5)
    for ours, theirs in zip(embedder.parameters(), expected, strict=True):
        assert ours.grad is not None
        assert torch.allclose(ours.grad, theirs, atol=1e-4)
