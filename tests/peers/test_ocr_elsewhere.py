"""Pages read by a paired device, under a grant that counts them."""

from __future__ import annotations

from pathlib import Path

import pytest
from recipes.pages.pictures import LINES, PAGES

from ingle.capabilities.ocr.operation import OcrPage
from ingle.capabilities.peers.operation import GrantPeer, Grants, ListGrants
from ingle.client.home import AsyncHome
from ingle.errors import GrantExhausted, GrantRefused
from ingle.node.node import ask

from .test_speaking import paired

pytestmark = [pytest.mark.extras, pytest.mark.anyio]


async def test_another_device_reads_as_this_one_would(tmp_path: Path) -> None:
    scan = PAGES["serif"]().image.crop((0, 0, 1000, 80))
    path = tmp_path / "scan.tiff"
    scan.save(path, save_all=True, append_images=[scan, scan])
    async with paired(tmp_path) as (desk, laptop):
        home = AsyncHome(laptop, laptop.local.settings)
        with pytest.raises(GrantRefused, match="ocr"):
            await home.ocr(path, on="desk")
        request = GrantPeer(
            peer="laptop", capabilities=["ocr"], models=["rapidocr"], per_day={"pages": 4}
        )
        await ask(desk, request, Grants)
        there = await home.ocr(path, on="desk")
        assert there.document.where == "peer:desk"
        assert [page.lines[0].text for page in there.pages] == [LINES[0]] * 3
        here = await home.ocr(path)
        assert here.document.where == "local"
        assert here.pages == there.pages
        await home.searchable_pdf(path, tmp_path / "scan.pdf", there.pages, on="desk")
        assert (tmp_path / "scan.pdf").read_bytes().startswith(b"%PDF-")
        (now,) = (await ask(desk, ListGrants(), Grants)).grants
        assert now.amounts_today == {"pages": 3}
        read = []

        async def read_more() -> None:
            async for event in home.ocr_events(path, on="desk"):
                if isinstance(event, OcrPage):
                    read.append(event)

        with pytest.raises(GrantExhausted, match="pages"):
            await read_more()
        assert len(read) <= 2
