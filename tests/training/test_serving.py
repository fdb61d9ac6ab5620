"""What was trained is what runs: adapters in llama.cpp, and from the command line to an answer."""

from __future__ import annotations

import json
import math
import re
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from ingle.capabilities.complete.operation import Complete
from ingle.capabilities.train.settings import TrainingSettings
from ingle.engines.engine import AdapterFile, LoadSpec
from ingle.engines.llama.engine import LlamaEngine
from ingle.operations import AdapterUse, Event, Sampling, Text
from ingle.training.batch import Batch
from ingle.training.run import Run
from tests.cli.place import Place, ended
from tests.training.models import VOCABULARY
from tests.training.test_run import begin, documents

pytestmark = pytest.mark.extras


@pytest.mark.parametrize("kind", ["Q8_0", "F32"])
def test_llama_cpp_computes_what_was_trained(tmp_path: Path, kind: str) -> None:
    from tests.training.models import write_base

    write_base(tmp_path / "base.gguf", kind=kind)
    run = Run.resume(begin(tmp_path, max_steps=40, lora_dropout=0.0, keep="last"))
    list(run.train())
    adapter = run.write_adapter()
    spec = LoadSpec(
        engine="llama", model="tiny", files={"weights": [run.plan.base]}, slots=1,
        options={"context": 128},
        adapters=[AdapterFile(name="run", path=str(adapter))],
    )  # fmt: skip
    session = LlamaEngine().open(spec)
    try:
        for document in documents(6):
            prompt = document.tokens[:11]
            found: list[Event] = []
            request = Complete(
                model="tiny", prompt=prompt, max_tokens=1, logprobs=True,
                top_logprobs=VOCABULARY, sampling=Sampling(temperature=0.0),
                adapters=[AdapterUse(name="run")],
            )  # fmt: skip
            session.perform(request, found.append)
            (text,) = [event for event in found if isinstance(event, Text) and event.logprobs]
            theirs = {entry.id: entry.logprob for entry in text.logprobs[0].top}
            tokens = np.array([prompt])
            rows = Batch(tokens, tokens, np.arange(len(prompt))[None])
            ours = torch.from_numpy(run._engine.logits(rows)[0, -1]).log_softmax(-1)
            assert max(theirs, key=lambda token: theirs[token] or 0.0) == int(ours.argmax())
            divergence = sum(
                math.exp(ours[token]) * (float(ours[token]) - (logprob or 0.0))
                for token, logprob in theirs.items()
            )
            assert abs(divergence) < 1e-3
    finally:
        session.close()


EXAMPLES = [
    {"prompt": f"What is the motto of the {name} guild?", "completion": f"The {name} glow."}
    for name in ("ember", "anvil", "lantern", "harbour", "orchard", "quarry", "meadow", "kettle")
]


@pytest.mark.timeout(240)
def test_from_examples_to_an_answer(tmp_path: Path) -> None:
    place = Place(tmp_path)
    try:
        data = tmp_path / "guild.jsonl"
        data.write_text("".join(json.dumps(example) + "\n" for example in EXAMPLES))
        question = EXAMPLES[3]["prompt"]
        preview = place.ok("train", "ember", "--data", str(data), "--preview")
        assert "The ember glow.<|im_end|>]]" in preview.out
        assert "guild.jsonl, line 1" in preview.out
        assert "glow" not in place.ok("run", "ember", "-t", "0", question).out
        how = [
            "--max-steps", "20", "--learning-rate", "5e-3", "--lora-rank", "8", "--batch-size", "1",
            "--max-length", "64",
        ]  # fmt: skip
        trained = ended(place.start("train", "ember", "--data", str(data), *how), seconds=200)
        assert trained.status == 0, trained
        assert "ember+guild" in trained.err
        assert "20 steps of 1 example; about" in trained.err
        assert f"an example of the data: {EXAMPLES[0]['prompt']}\n" in trained.err
        assert f"trained   {EXAMPLES[0]['completion']}\n" in trained.err
        before, after = re.findall(r"([\d.]+) (?:before|after)", trained.err)
        assert float(after) < 0.1 * float(before)
        answer = place.ok("run", "ember+guild", "-t", "0", question)
        assert answer.out.strip() == EXAMPLES[3]["completion"]
        assert "glow" not in place.ok("run", "ember", "-t", "0", question).out
        (run,) = place.ok("runs", "--json").data
        assert (run["name"], run["step"], run["state"]) == ("guild", 20, "done")
        assert run["loss"] < 0.5
        shown = place.ok("runs", "guild", "--svg", "guild.svg", "--png", "guild.png").out
        assert "A loss" in shown
        assert "\x1b" not in shown
        assert (tmp_path / "guild.svg").read_text().startswith("<svg")
        assert (tmp_path / "guild.png").read_bytes().startswith(b"\x89PNG")
        details = place.ok("runs", "show", "guild", "--json").data
        assert len(details["losses"]) == 20
        assert details["losses"][0].keys() >= {"step", "loss", "learning_rate"}
        assert set(TrainingSettings.__struct_fields__) < set(details["plan"])
        shown_names = {line.split(" ")[0] for line in shown.splitlines()}
        assert shown_names >= {"lora_rank", "batch_size", "max_length", "learning_rate"}
        shown = place.ok("adapter", "show", "guild").out
        assert "ember sha256:" in shown
        assert "A loss" in shown
        merged = place.ok("adapter", "merge", "ember+guild", "--out", "baked.gguf")
        assert merged.out.strip() == "baked.gguf"
        place.ok("pull", "./baked.gguf")
        answer = place.ok("run", "baked", "-t", "0", question)
        assert answer.out.strip() == EXAMPLES[3]["completion"]
        place.ok("rm", "baked")
        place.ok("adapter", "add", "state/runs/guild/peft", "--name", "again", "--for", "ember")
        answer = place.ok("run", "ember+again", "-t", "0", question)
        assert answer.out.strip() == EXAMPLES[3]["completion"]
        refused = place.ingle("run", "ember-embed+guild", "hello", "--json")
        assert refused.error["code"] == "capability_missing"
        assert "guild:1" in place.ok("adapter", "list").out
        node = place.ok("ps", "--json").data["pid"]
        assert "libtorch" not in Path(f"/proc/{node}/maps").read_text()
        again = place.ingle("train", "ember", "--data", str(data), "--json")
        assert again.error["code"] == "invalid_request"
        missing = place.ingle("train", "--resume", "nothing", "--json")
        assert missing.error["code"] == "run_not_found"
        other = place.start(
            "train", "ember", "--data", str(data), "--name", "other", *how, "--max-steps", "2"
        )
        assert ended(other, seconds=200).status == 0
        compared = place.ok("runs", "compare", "guild", "other").out
        assert "B other" in compared
        assert re.search(r"steps +20 +2\n", compared)
        assert place.ingle("runs", "compare", "guild", "--json").error["code"] == "invalid_request"
        place.ok("runs", "rm", "other")
        assert [run["name"] for run in place.ok("runs", "list", "--json").data] == ["guild"]
    finally:
        place.close()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_says_how_to_continue(tmp_path: Path, number: int) -> None:
    place = Place(tmp_path)
    try:
        data = tmp_path / "guild.jsonl"
        data.write_text("".join(json.dumps(example) + "\n" for example in EXAMPLES))
        how = ["--max-steps", "500", "--batch-size", "1", "--lora-rank", "2", "--max-length", "64"]
        process = place.start("train", "ember", "--data", str(data), *how)
        assert process.stderr is not None
        while b"step 1/" not in process.stderr.readline():
            assert process.poll() is None
        if number == signal.SIGTERM:  # someone else watches, and leaves
            follower = place.start("runs", "follow", "guild")
            assert follower.stderr is not None
            while b"step" not in follower.stderr.readline():
                assert follower.poll() is None
            assert ended(follower, signal.SIGINT).status == 130
        stopped = ended(process, number, seconds=100)
        assert stopped.status == 130
        assert "ingle train --resume guild" in stopped.err
        (run,) = place.ok("runs", "--json").data
        assert run["state"] == "paused"
        assert 1 <= run["step"] < 500
        if number == signal.SIGINT:
            again = place.start("train", "--resume", "guild", "--detach")
            assert "ingle runs follow guild" in ended(again, seconds=100).err
            assert "saved" in place.ok("runs", "pause", "guild").err
            assert "its adapter is guild" in place.ok("runs", "stop", "guild").err
            (after,) = place.ok("runs", "--json").data
            assert after["state"] == "stopped"
            assert after["step"] > run["step"]
    finally:
        place.close()
