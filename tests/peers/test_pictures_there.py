"""Pictures seen and drawn by a paired device, under grants that count them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingle.capabilities.imagine.client import lent_pictures
from ingle.capabilities.imagine.cost import COST
from ingle.capabilities.imagine.operation import Imagine, Imagined, ImagineStep, Picture
from ingle.capabilities.peers.operation import GrantPeer, Grants, ListGrants
from ingle.client.home import AsyncHome
from ingle.errors import GrantExhausted, GrantRefused, InvalidRequest, UnsafeURL
from ingle.node.node import ask
from ingle.operations import ImagePart, Message, TextPart

from ..engines.seeing_model import FOLDER, asked, drawings, png
from ..engines.tiny_diffusion import SIDE, write_pipeline
from ..pictures.picture_files import encoded, quarters
from .test_speaking import paired

pytestmark = [pytest.mark.extras, pytest.mark.anyio]

STEP = SIDE * SIDE / 1e6


async def test_another_device_sees_what_is_sent(tmp_path: Path) -> None:
    async with paired(tmp_path) as (desk, laptop):
        owner = AsyncHome(desk, desk.local.settings)
        await owner.pull("shapes", source=str(FOLDER))
        grant = GrantPeer(peer="laptop", capabilities=["chat"], models=["shapes"])
        await ask(desk, grant, Grants)
        home = AsyncHome(laptop, laptop.local.settings)
        scene = drawings(1)[0]
        question = asked(scene, 0)
        chat = home.chat("shapes", on="desk", temperature=0)
        answer = await chat.send(question.text, images=[png(scene)])
        assert (answer.where, answer.text) == ("peer:desk", question.answer)
        with pytest.raises(InvalidRequest, match="unsupported image format"):
            await chat.send("What is it?", images=[b"no picture"])
        parts = [ImagePart(url="https://192.0.2.1/it.png"), TextPart(text="What is it?")]
        with pytest.raises(UnsafeURL):
            await chat.send(Message(role="user", content=parts))


async def test_another_device_draws_until_its_grant_is_used_up(tmp_path: Path) -> None:
    start = tmp_path / "start.png"
    start.write_bytes(encoded(quarters(SIDE)))
    async with paired(tmp_path) as (desk, laptop):
        owner = AsyncHome(desk, desk.local.settings)
        await owner.pull("tiny", source=str(write_pipeline(tmp_path / "tiny")))
        home = AsyncHome(laptop, laptop.local.settings)
        fields = {"model": "tiny", "prompt": "a cat", "seed": 1, "on": "desk"}
        with pytest.raises(GrantRefused, match="imagine"):
            await ask(laptop, Imagine(**fields, steps=2), Imagined)
        allowed = {"megapixel_steps": 1}
        request = GrantPeer(
            peer="laptop", capabilities=["imagine"], models=["tiny"], per_day=allowed
        )
        await ask(desk, request, Grants)
        async with lent_pictures(home, start, None, {}) as (image, _, _):
            drawing = Imagine(**fields, steps=4, strength=0.5, image=image)
            drawn = [event async for event in home.imagining(drawing)]
        (done,) = [event for event in drawn if isinstance(event, Imagined)]
        (there,) = [event for event in drawn if isinstance(event, Picture)]
        assert done.where == "peer:desk"
        here = await owner.imagine("a cat", "tiny", seed=1, steps=4, strength=0.5, image=start)
        assert here[0].data == there.data
        (now,) = (await ask(desk, ListGrants(), Grants)).grants
        assert now.amounts_today["megapixel_steps"] == pytest.approx(2 * STEP)
        wide = Imagine(**fields, width=256, height=SIDE, steps=130, guidance=1.0)
        with pytest.raises(GrantExhausted, match="megapixel_steps"):
            await ask(laptop, wide, Imagined)
        assert not await owner.blobs()


def test_what_was_left_to_the_model_is_counted_step_by_step() -> None:
    request = Imagine(model="tiny", prompt="x", width=256, steps=10)
    tally = COST.tally(request, COST.estimate(request) or 0.0)
    assert tally.used == pytest.approx(10 * 256 * 16 / 1e6)
    for step in range(1, 11):
        tally.add(ImagineStep(step=step, steps=10, width=256, height=256))
    assert tally.used == pytest.approx(10 * 256 * 256 / 1e6)
    large = Imagine(model="tiny", prompt="x", width=64, height=64, steps=20, upscale=2)
    assert COST.estimate(large) == pytest.approx((20 + 7 * 4) * 64 * 64 / 1e6)
