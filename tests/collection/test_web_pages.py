"""Documents at addresses: fetched under the egress rule, and again only where they changed."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from ingle.capabilities.collections.operation import CollectionList, ListCollections
from ingle.capabilities.node.operation import Ledger, LedgerPage
from ingle.client.home import AsyncHome
from ingle.client.host import host
from ingle.config import Settings
from ingle.errors import EgressRefused, InvalidRequest

pytestmark = pytest.mark.anyio


class Site(BaseHTTPRequestHandler):
    pages: dict[str, tuple[int, str, bytes]]

    def do_GET(self) -> None:
        status, kind, body = self.pages.get(self.path, (404, "text/html", b"<p>nothing</p>"))
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    Site.pages = {
        "/guide/tea": (200, "text/html; charset=utf-8", b"<p>Green tea takes eighty degrees.</p>"),
        "/bread.md?v=2": (200, "text/plain", b"Dough rises best in a warm place."),
        "/picture": (200, "application/x-strange", b"???"),
    }
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
async def home(settings: Settings) -> AsyncIterator[AsyncHome]:
    settings = msgspec.structs.replace(settings, egress="deny")
    async with host(settings) as (node, _):
        yield AsyncHome(node, settings)


async def test_pages_are_fetched_searched_and_fetched_again(home: AsyncHome, site: str) -> None:
    urls = [f"{site}/guide/tea", f"{site}/bread.md?v=2", f"{site}/picture", f"{site}/none"]
    done = await home.add_documents("web", urls, attributes={"tags": ["web"]})
    assert (done.results["added"], done.results["skipped"]) == ("2", "2")
    (best,) = await home.search("web", "tea degrees", 1, tags=["web"])
    assert best.text == "Green tea takes eighty degrees."
    assert "/guide/tea.html" in best.place
    Site.pages["/guide/tea"] = (200, "text/html", b"<p>Black tea wants boiling water.</p>")
    del Site.pages["/bread.md?v=2"]  # what cannot be fetched stays as it was
    again = await home.add_documents("web")
    assert (again.results["added"], again.results["unchanged"]) == ("1", "1")
    texts = {each.text for each in await home.search("web", "tea dough", 9)}
    assert texts == {"Black tea wants boiling water.", "Dough rises best in a warm place."}
    entries = (await home.ask(Ledger(), LedgerPage)).entries
    assert {entry.operation for entry in entries} == {"collections"}
    found = await home.ask(ListCollections(collection="web"), CollectionList)
    assert found.collections[0].roots == sorted(urls)
    pages = Path(best.place).parents[2]
    await home.remove_collection("web")
    assert not pages.exists()


async def test_what_may_not_leave_does_not(home: AsyncHome) -> None:
    with pytest.raises(EgressRefused):
        await home.add_documents("web", ["https://example.org/page.html"])
    with pytest.raises(InvalidRequest, match="not an address"):
        await home.add_documents("web", ["http://"])
    assert await home.collections() == []
