"""A model that sees: what its plan counts, and what is refused where its projector is bad."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingle import open_async
from ingle.capabilities.chat.operation import Chat
from ingle.capabilities.tokenize.operation import IMAGE_TOKEN, Tokenize, Tokenized
from ingle.config import Settings
from ingle.errors import BadModelFile, GrantExhausted, ModelLoadFailed
from ingle.models.projector_facts import projector_facts
from ingle.node.node import ask
from ingle.operations import ImagePart, Message, TextPart, Usage

from ..models.weights import Shape, write_model
from .seeing_model import FOLDER, copied, drawings, png

pytestmark = [pytest.mark.extras, pytest.mark.anyio]

PATCHES = 16


def question(pictures: int = 1) -> list[Message]:
    images = [ImagePart(data=png(scene)) for scene in drawings(pictures)]
    text = TextPart(text="How many shapes are there?")
    return [Message(role="user", content=[*images, text])]


async def test_plans_count_the_projector_and_what_it_computes(
    settings: Settings,
) -> None:
    async with open_async(settings) as home:
        await home.pull("shapes", source=str(FOLDER))
        await home.pull("blind", source=str(FOLDER / "shapes.gguf"))
        found = projector_facts(FOLDER / "mmproj-shapes.gguf")
        assert (found.type, found.sees, found.image_size, found.patches) == ("mlp", True, 64, 16)
        (sees,), (blind,) = await home.fit("shapes"), await home.fit("blind")
        size = (FOLDER / "mmproj-shapes.gguf").stat().st_size
        assert sees.weights - blind.weights == size
        assert sees.compute - blind.compute == found.compute_bytes > 0


async def test_pictures_are_counted_where_tokens_are(settings: Settings) -> None:
    async with open_async(settings) as home:
        await home.pull("shapes", source=str(FOLDER))
        tokenized = await ask(home.node, Tokenize(model="shapes", messages=question(2)), Tokenized)
        chat = Chat(model="shapes", messages=question(2), max_tokens=1)
        usage = await ask(home.node, chat, Usage)
        assert len(tokenized.tokens) == usage.prompt_tokens
        assert tokenized.tokens.count(IMAGE_TOKEN) == 2 * PATCHES
        assert "<image><image>How many" in tokenized.text
        within = Chat(model="shapes", messages=question(2), token_limit=usage.prompt_tokens + 1)
        assert (await ask(home.node, within, Usage)).completion_tokens == 1
        over = Chat(model="shapes", messages=question(2), token_limit=usage.prompt_tokens)
        with pytest.raises(GrantExhausted):
            await ask(home.node, over, Usage)


async def test_bad_projectors_are_refused_by_name(settings: Settings, tmp_path: Path) -> None:
    name = "mmproj-shapes.gguf"
    async with open_async(settings) as home:
        cut = copied(tmp_path / "cut")
        (cut / name).write_bytes((cut / name).read_bytes()[:200_000])
        garbage = copied(tmp_path / "garbage")
        (garbage / name).write_bytes(b"GGUF" + bytes(range(256)) * 40)
        wrong = copied(tmp_path / "wrong")
        write_model(wrong / name)
        for folder in (cut, garbage, wrong):
            with pytest.raises(BadModelFile, match=r"mmproj-shapes\.gguf"):
                await home.pull(folder.name, source=str(folder))
        other = copied(tmp_path / "other")
        write_model(other / "shapes.gguf", Shape(embedding=128))
        await home.pull("other", source=str(other))
        with pytest.raises(ModelLoadFailed, match=r"mmproj"):
            await ask(home.node, Chat(model="other", messages=question()), Usage)
