"""``/api/ocr`` and ``/v1/ocr``, before a real node with a real worker."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest
from recipes.pages.pictures import LINES, PAGES

from ingle.client.home import AsyncHome
from ingle.client.host import host
from ingle.config import Settings
from ingle.server.application import create_application
from ingle.server.settings import ServerSettings

pytestmark = [pytest.mark.extras, pytest.mark.anyio]


@pytest.fixture
async def web(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with host(settings) as (node, _):
        home = AsyncHome(node, settings)
        application = create_application(node, ServerSettings.of(settings))
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1", timeout=60
        ) as client:
            yield client
        assert await home.blobs() == [], "documents are lent, not kept"
        application.state.floor.close()


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scan") / "scan.tiff"
    strip = PAGES["serif"]().image.crop((0, 0, 1000, 130))
    strip.save(path, save_all=True, append_images=[strip])
    return path


async def test_pages_are_sent_as_they_are_read(web: httpx.AsyncClient, scan: Path) -> None:
    with scan.open("rb") as file:
        told = await web.post("/api/ocr", files={"file": file}, data={"pages": "1-2"})
    assert told.status_code == 200
    assert told.headers["content-type"] == "application/x-ndjson"
    rows = [json.loads(line) for line in told.text.splitlines()]
    pages = [row["page"] for row in rows if "page" in row]
    assert [page["number"] for page in pages] == [1, 2]
    assert pages[0]["text"].splitlines() == [" ".join(line.split()) for line in LINES[:2]]
    assert pages[0]["blocks"][0]["lines"][0]["words"][0]["text"] == "The"
    assert rows[0] == {"status": "reading", "completed": 0, "total": 2}
    assert rows[-1] == {
        "done": True, "model": "rapidocr", "where": "local", "kind": "tiff", "pages": 2,
    }  # fmt: skip


async def test_formats_and_errors(web: httpx.AsyncClient, scan: Path) -> None:
    async def ask(data: dict[str, str], content: bytes = scan.read_bytes()) -> httpx.Response:
        return await web.post("/api/ocr", files={"file": ("scan.tiff", content)}, data=data)

    text = await ask({"format": "text", "pages": "2"})
    assert text.text.splitlines()[0] == LINES[0]
    alto = await ask({"format": "alto", "pages": "1"})
    assert alto.headers["content-type"] == "application/xml"
    assert ElementTree.fromstring(alto.content).tag.endswith("}alto")
    pdf = await ask({"format": "pdf", "pages": "1"})
    assert (pdf.headers["content-type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")
    for data, field in (
        ({"format": "docx"}, "format"),
        ({"pages": "one"}, "pages"),
        ({"dpi": "many"}, "dpi"),
        ({"dpi": "5"}, "dpi"),
        ({"text_layer": "some"}, "text_layer"),
    ):
        refused = await ask(data)
        assert refused.status_code == 400, data
        assert field in refused.text
    broken = await ask({}, b"\x89PNG\r\n\x1a\n broken")
    assert broken.status_code == 400
    assert "scan.tiff" in broken.json()["error"]
    missing = await ask({"model": "nosuch"})
    assert missing.status_code == 404


async def test_what_mistrals_clients_ask(web: httpx.AsyncClient, scan: Path) -> None:
    data = base64.b64encode(scan.read_bytes()).decode()
    document = {"type": "document_url", "document_url": f"data:image/tiff;base64,{data}"}
    asked = {"model": "mistral-ocr-latest", "document": document, "pages": [1]}
    told = (await web.post("/v1/ocr", json=asked)).json()
    (page,) = told["pages"]
    assert page["index"] == 1
    assert page["markdown"].startswith(LINES[0])
    assert page["dimensions"] == {"dpi": 0, "height": 130, "width": 1000}
    assert told["model"] == "rapidocr"
    assert told["usage_info"]["pages_processed"] == 1
    for change, why in (
        ({"document": {**document, "document_url": "https://example.org/a.pdf"}}, "not fetched"),
        ({"document": {"type": "file"}}, "needs its data URL"),
        ({"document": {**document, "document_url": "data:image/png;base64,?"}}, "not base64"),
        ({"pages": "0-x"}, "is not a list of pages"),
        ({"pages": [-1]}, "count from 0"),
        ({"bbox_annotation_format": {}}, "annotations are not made"),
    ):
        refused = await web.post("/v1/ocr", json={**asked, **change})
        assert refused.status_code in (400, 403), change
        assert why in refused.text
