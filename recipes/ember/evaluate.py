"""Stage 9, evaluate: what the shipped files do, through llama.cpp, and the model cards.

Tasks are drawn twice: as training draws them, from seeds it never used, and from the test split,
whose phrasings, names and functions it never showed. The distance between the two is what the
model has learned by heart rather than understood.
Bits per byte are of held-out documents, with those apart that share 13-grams with training.
"""

from __future__ import annotations

import gzip
import json
import math
import re
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from gguf.quants import dequantize
from numpy.typing import NDArray

from . import cards, chat, corpus, encode, model, tasks, tokenizer
from .scale import Scale
from .tasks import about, catalogue, manual, pairs, reading

REFUSALS = {*reading.UNKNOWN, *about.DONT_KNOW, *catalogue.IRRELEVANT, about.NOISE, about.EMPTY}
SLOTS = 2
UNUSED_SEEDS = 50_000_000  # beyond any that a scale trains on
Figures = dict[str, Any]


def wilson(hits: int, count: int) -> tuple[float, float]:
    """95 % interval of a proportion."""
    z, p = 1.96, hits / count
    middle = (p + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(p * (1 - p) / count + z * z / (4 * count**2)) / (1 + z * z / count)
    return middle - half, middle + half


def open_engine(path: Path, embedding: bool = False) -> Any:
    import xllamacpp  # only this stage needs an engine

    p = xllamacpp.CommonParams()
    p.model.path = str(path)
    p.n_parallel = SLOTS
    p.n_ctx = 4096 * SLOTS
    p.n_batch = p.n_ubatch = 2048
    p.cpuparams.n_threads = p.cpuparams_batch.n_threads = 2
    p.cache_ram_mib = 0
    p.use_jinja = True
    p.embedding = embedding
    return xllamacpp.Server(p)


def is_right(check: dict[str, Any], message: dict[str, Any]) -> bool:
    content = (message.get("content") or "").strip()
    calls = message.get("tool_calls") or []
    if "equals" in check:
        return bool(content.casefold() == str(check["equals"]).strip().casefold())
    if "unknown" in check:
        return content in REFUSALS or content.startswith("I don't know")
    if "calls" in check:
        try:
            made = [(c["function"]["name"], json.loads(c["function"]["arguments"])) for c in calls]
        except ValueError:
            return False
        return made == [(c["function"]["name"], c["function"]["arguments"]) for c in check["calls"]]
    if "no_call" in check:
        return not calls and bool(content)
    if "json" in check:
        try:
            return bool(json.loads(content) == check["json"])
        except ValueError:
            return False
    if "contains" in check:
        return f"`{check['contains']}" in content
    return bool(content)  # free: any answer


def perform(engine: Any, conversation: chat.Conversation) -> dict[str, Any]:
    request: dict[str, Any] = {
        "messages": as_openai(conversation.messages[:-1]),
        "max_tokens": 300,
        "temperature": 0,
        "chat_template_kwargs": {"enable_thinking": conversation.thinking},
    }
    if conversation.tools:
        request["tools"] = conversation.tools
    reply = engine.handle_chat_completions(request)
    reply = reply if isinstance(reply, dict) else json.loads(reply)
    if "choices" not in reply:
        raise RuntimeError(f"the engine refused: {reply}")
    choice: dict[str, Any] = reply["choices"][0]
    return choice


def as_openai(messages: list[chat.Message]) -> list[chat.Message]:
    """Arguments as text and calls with ids, as the HTTP interface has them."""
    out = []
    for message in messages:
        copied = dict(message)
        if message["role"] == "tool":
            copied["tool_call_id"] = "0"
        if "tool_calls" in message:
            copied["tool_calls"] = [
                {
                    "id": str(i),
                    "type": "function",
                    "function": {
                        "name": c["function"]["name"],
                        "arguments": json.dumps(c["function"]["arguments"]),
                    },
                }
                for i, c in enumerate(message["tool_calls"])
            ]
        out.append(copied)
    return out


def task_figures(
    engine: Any, scale: Scale, facts: tasks.Facts, split: str, first: int = 0
) -> Figures:
    hits: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    jobs = [
        (name, tasks.one(facts, name, split, first + index))
        for name in tasks.TASKS
        for index in range(scale.evaluation_items * (2 if name == "arithmetic" else 1))
    ]

    def work(job: tuple[str, chat.Conversation]) -> tuple[str, chat.Conversation, dict[str, Any]]:
        return job[0], job[1], perform(engine, job[1])

    failures: dict[str, list[str]] = defaultdict(list)
    with ThreadPoolExecutor(SLOTS) as threads:
        for name, conversation, choice in threads.map(work, jobs):
            label = name
            if name == "arithmetic":
                label += ", thinking" if conversation.thinking else ", direct"
            right = is_right(conversation.check, choice["message"])
            if "free" in conversation.check:
                label = f"{name} (answers)"
            counts[label] += 1
            hits[label] += right
            if not right and len(failures[label]) < 4:
                prompt, answer = chat.render(conversation)
                failures[label].append(f"{prompt[-300:]}|{answer}|{choice['message']}")
            counts["stops by itself"] += 1
            hits["stops by itself"] += choice["finish_reason"] in ("stop", "tool_calls")
            if "json" in conversation.check:
                counts["JSON is valid"] += 1
                hits["JSON is valid"] += is_json(choice["message"].get("content") or "")
    figures = {k: [hits[k] / n, *wilson(hits[k], n), n] for k, n in counts.items()}
    return {"tasks": figures, "failures": failures}


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def shipped_weights(path: Path, config: model.Config) -> model.Qwen3:
    """The model with the weights as they are in the GGUF, after quantisation."""
    network = model.Qwen3(config)
    state = {}
    for tensor in gguf.GGUFReader(path).tensors:
        values = dequantize(tensor.data, tensor.tensor_type)
        state[tensor.name] = torch.from_numpy(np.array(values, dtype=np.float32))
    network.load_state_dict(state)
    return network


def config_of(path: Path) -> model.Config:
    fields = gguf.GGUFReader(path).fields

    def read(key: str) -> Any:
        return fields[f"qwen3.{key}"].contents()

    return model.Config(
        vocabulary=len(fields["tokenizer.ggml.tokens"].data),
        layers=read("block_count"),
        width=read("embedding_length"),
        heads=read("attention.head_count"),
        key_value_heads=read("attention.head_count_kv"),
        head=read("attention.key_length"),
        feed_forward=read("feed_forward_length"),
        context=read("context_length"),
        rope_base=read("rope.freq_base"),
    )


def grams(text: str) -> set[int]:
    words = re.findall(r"\w+", text.lower())
    return {hash(tuple(words[i : i + 13])) for i in range(len(words) - 12)}


@torch.no_grad()
def held_out(path: Path, scale: Scale, folder: Path) -> Figures:
    """Bits per byte of held-out documents; `fresh` are those without training's 13-grams."""
    network = shipped_weights(path, config_of(path)).eval()
    encoder = tokenizer.load(folder)
    documents = [d for d in corpus.load(folder, "test") if d.kind != "dictionary"]
    rng = np.random.default_rng(0)
    count = min(len(documents), scale.evaluation_items)
    chosen = [documents[i] for i in rng.choice(len(documents), count, replace=False)]
    texts = [f"# {d.title}\n\n{d.text[:5000]}" for d in chosen]
    wanted = [grams(text) for text in texts]
    every = set().union(*wanted)
    seen: set[int] = set()
    for document in corpus.load(folder, "train"):
        seen |= grams(document.text) & every
    rows: list[tuple[float, int, int, bool]] = []
    for text, own in zip(texts, wanted, strict=True):
        ids = encoder.encode(text).ids[: min(1500, network.config.context)]
        size = len(encoder.decode(ids, skip_special_tokens=False).encode())
        tokens = torch.tensor([ids])
        nats = network(tokens[:, :-1], tokens[:, 1:]).item() * (len(ids) - 1)
        packed = len(gzip.compress(text.encode()[:size])) * 8
        rows.append((nats / math.log(2), size, packed, len(own & seen) <= 0.01 * max(1, len(own))))

    def summary(some: list[tuple[float, int, int, bool]]) -> list[float]:
        total = sum(r[1] for r in some)
        draws = []
        for _ in range(500):  # bootstrap over documents
            picked = [some[i] for i in rng.integers(len(some), size=len(some))]
            draws.append(sum(r[0] for r in picked) / sum(r[1] for r in picked))
        low, high = np.quantile(draws, [0.025, 0.975])
        bits, zipped = sum(r[0] for r in some) / total, sum(r[2] for r in some) / total
        return [bits, float(low), float(high), zipped, len(some)]

    found = {"all": summary(rows)}
    if any(r[3] for r in rows):
        found["fresh"] = summary([r for r in rows if r[3]])
    return {"bits_per_byte": found}


def bm25(queries: list[str], passages: list[str]) -> NDArray[np.float64]:
    split = [re.findall(r"\w+", p.lower()) for p in passages]
    average = sum(map(len, split)) / len(split)
    frequency = Counter(w for words in split for w in set(words))
    scores = np.zeros((len(queries), len(passages)))
    counted = [Counter(words) for words in split]
    for i, query in enumerate(queries):
        for word in set(re.findall(r"\w+", query.lower())) & set(frequency):
            n = frequency[word]
            weight = math.log(1 + (len(split) - n + 0.5) / (n + 0.5))
            for j, words in enumerate(counted):
                if tf := words[word]:
                    norm = tf + 1.2 * (0.25 + 0.75 * len(split[j]) / average)
                    scores[i, j] += weight * tf * 2.2 / norm
    return scores


def embedded(engine: Any, texts: list[str]) -> NDArray[np.float32]:
    rows: list[list[float]] = []
    for i in range(0, len(texts), 16):
        reply = engine.handle_embeddings({"input": texts[i : i + 16]})
        rows += [item["embedding"] for item in reply["data"]]
    found = np.array(rows, dtype=np.float32)
    scaled: NDArray[np.float32] = found / np.linalg.norm(found, axis=1, keepdims=True)
    return scaled


def retrieval(path: Path, scale: Scale, facts: tasks.Facts) -> Figures:
    """Recall at 10 among passages of held-out documents, against BM25 on the same queries."""
    found: list[tuple[str, str]] = []
    for index in range(scale.evaluation_items * 20):
        found += pairs.pair(facts, "test", index)
    unique = list({passage: query for query, passage in found}.items())[
        : scale.evaluation_items * 10
    ]
    passages = [p for p, _ in unique]
    asked = unique[: scale.evaluation_items * 4]
    queries = [q for _, q in asked]
    engine = open_engine(path, embedding=True)
    cut = [p[:1200] for p in passages]
    similarity = (
        embedded(engine, [encode.QUERY + q for q in queries])
        @ embedded(engine, [encode.PASSAGE + p for p in cut]).T
    )

    def recall(scores: NDArray[Any]) -> list[float]:
        best = np.argsort(-scores, axis=1)[:, :10]
        hits = sum(i in best[i] for i in range(len(queries)))
        return [hits / len(queries), *wilson(hits, len(queries)), len(queries)]

    figures = {"ember-embed": recall(similarity), "BM25": recall(bm25(queries, passages))}
    return {"recall_at_10": figures, "passages": len(passages)}


def same_tokens(engine: Any, scale: Scale, folder: Path) -> Figures:
    """llama.cpp and `tokenizers` cut held-out text alike: compared by prompt length."""
    encoder = tokenizer.load(folder)
    texts = [d.text[:1500] for d in corpus.load(folder, "test")][: scale.evaluation_items]
    equal = 0
    for text in texts:
        reply = engine.handle_completions({"prompt": text, "max_tokens": 1, "temperature": 0})
        reply = reply if isinstance(reply, dict) else json.loads(reply)
        equal += reply["usage"]["prompt_tokens"] == len(encoder.encode(text).ids)
    return {"same_tokens": [equal, len(texts)]}


def run(scale: Scale, folder: Path) -> None:
    """Write figures.json, ember.md and ember-embed.md."""
    facts = tasks.load_facts(folder)
    engine = open_engine(folder / "ember.gguf")
    figures: Figures = {"scale": scale.name}
    figures |= same_tokens(engine, scale, folder)
    figures |= task_figures(engine, scale, facts, "test")
    seen = task_figures(engine, scale, facts, "train", UNUSED_SEEDS)
    figures["tasks_seen"] = seen["tasks"]
    figures |= retrieval(folder / "ember-embed.gguf", scale, facts)
    figures |= held_out(folder / "ember.gguf", scale, folder)
    (folder / "failures.json").write_text(json.dumps(figures.pop("failures"), indent=1))
    (folder / "figures.json").write_text(json.dumps(figures, indent=1))
    cards.write(figures, scale, folder)
    for name, row in figures["tasks"].items():
        print(f"{name:24} {row[0]:6.1%}  [{row[1]:.1%}, {row[2]:.1%}]  n={row[3]}")
    print({k: v for k, v in figures.items() if k != "tasks"})


assert manual.NO_COMMAND.startswith("I don't know")  # what is_right takes for a refusal
