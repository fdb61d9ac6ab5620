"""A repository of a hub as a source: which of its files are the model that is wanted."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from urllib.parse import unquote

import msgspec

from ingle.errors import (
    DoesNotFit,
    IngleError,
    InvalidRequest,
    ModelNotFound,
    NetworkError,
    Unauthorized,
)
from ingle.models import formats, quantization, sibling_template
from ingle.models import names as file_names
from ingle.models.format import TEMPLATE, WEIGHTS, ChosenFiles, Format
from ingle.models.formats.gguf_format import GGUF
from ingle.models.pull_plan import PullPlan, RemoteFile
from ingle.models.quantization import Room, quant_of
from ingle.models.ref import DEFAULT_TAG, ModelRef, part_from
from ingle.models.sources import huggingface, modelscope
from ingle.models.sources.huggingface import HuggingFace
from ingle.models.sources.listing import Hub, Listing
from ingle.models.sources.modelscope import ModelScope
from ingle.models.sources.web import Web, host
from ingle.operations.encoded import UNREADABLE

_LISTING_LIMIT = 32 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class HubSource:
    """A repository, and which of its models: by quantisation or by file."""

    repo: str
    """``owner/name``."""
    name: str
    tag: str = ""
    file: str = ""
    revision: str = ""
    """Empty: the hub's main one."""
    hub: Hub = dataclasses.field(default_factory=HuggingFace)
    room: Room | None = None
    """What the model must fit into where no quantisation is named; None: anything."""
    fallback: str = ""
    """A name that would fit, for the message if nothing here does."""

    @classmethod
    def parse(
        cls, text: str, name: str, *, hub: str = "", room: Room | None = None
    ) -> HubSource | None:
        """Recognise a repository; None if the text is something else.

        Args:
            hub: The setting of this name: a mirror's URL goes before the hub's own.

        Raises:
            InvalidRequest: it names a hub, but not a repository.
        """
        bare = re.sub(r"\A(?:https://|ms://|modelscope://)", "", text)
        if bare != text and not text.startswith("https://"):
            bare = f"{modelscope.HOSTS[0]}/{bare}"
        first, _, rest = bare.partition("/")
        place: Hub
        if first in huggingface.HOSTS:
            place = HuggingFace(hub if hub.startswith(("http://", "https://")) else "")
        elif first in modelscope.HOSTS:
            place = ModelScope()
            rest = rest.removeprefix("models/")
        else:
            return None
        rest, _, tag = unquote(rest.partition("?")[0]).strip("/").partition(":")
        owner, _, tail = rest.partition("/")
        repo, _, file = tail.partition("/")
        # Check the parts by the grammar of names before they are put into an URL.
        ref = ModelRef.parse(f"{place.host}/{owner}/{repo}" + (f":{tag}" if tag else ""))
        revision = ""
        if match := re.match(r"(?:resolve|blob|raw|file/view)/([^/]+)/(.+)\Z", file):
            revision, file = match[1], match[2]
        elif file.startswith("tree/"):
            revision, file = file.removeprefix("tree/").partition("/")[0], ""
        elif file in ("summary", "files"):
            file = ""
        if file and not file_names.is_safe(file):
            raise InvalidRequest(f"source: {file!r} is not a valid file name", field="source")
        label = tag
        if file and not tag:
            stem = file.rsplit("/", 1)[-1].removesuffix(".gguf")
            label = quant_of(stem) or part_from(stem)
        default = msgspec.structs.replace(ref, tag=label or DEFAULT_TAG).short
        return cls(f"{owner}/{repo}", name or default, tag, file, revision, place, room)

    def with_fallback(self, name: str) -> HubSource:
        """The same; ``name`` is suggested if nothing here fits."""
        return dataclasses.replace(self, fallback=name)

    @property
    def endpoint(self) -> str:
        """Where the token goes."""
        return self.hub.endpoint

    @property
    def token(self) -> str:
        """From the environment; empty: anonymous."""
        return self.hub.token

    async def plan(self, web: Web) -> PullPlan:
        """Ask the hub for the files, and choose.

        Raises:
            Unauthorized: the repository is gated; says what to do.
            ModelNotFound: no such repository, or no such quantisation in it (lists
                those that are).
            DoesNotFit: no quantisation was named, and none fits into this machine.
            InvalidRequest: it holds several models of another format than GGUF.
            NetworkError: the hub answered nonsense.
            Unreachable: worth another try.
        """
        listing = await self._listing(web)
        form, chosen = self._chosen(listing)
        files = [self._remote(listing, name, role, form) for role, name in chosen.files]
        files += self._template(listing, chosen, form)
        source = f"{self.hub.host}/{self.repo}" + (f"/{self.file}" if self.file else "")
        tag = self.tag or (quant_of(chosen.stem) if form is GGUF and not self.file else "")
        return PullPlan(source + (f":{tag}" if tag else ""), files, form.name, token=self.token)

    async def _listing(self, web: Web) -> Listing:
        revision = self.revision or self.hub.main
        url = self.hub.listing_url(self.repo, revision)
        status, headers, body = await web.read(url, _LISTING_LIMIT)
        if status != 200:
            raise self._refused(status, headers.get("x-error-code", ""))
        try:
            listing = self.hub.read_listing(body, revision)
        except UNREADABLE as error:
            raise NetworkError(f"{host(url)} sent an invalid list of files: {error}") from None
        if listing is None:
            raise self._refused(404, "")
        # A name that leads out of its folder is not offered to formats, so none is chosen.
        safe = {name: file for name, file in listing.files.items() if file_names.is_safe(name)}
        return listing._replace(files=safe)

    def _remote(self, listing: Listing, name: str, role: str, form: Format) -> RemoteFile:
        listed = listing.files[name]
        return RemoteFile(
            # The shards of a GGUF model may be in a folder; llama.cpp knows no folders.
            name=name.rsplit("/", 1)[-1] if form is GGUF else name,
            url=self.hub.file_url(self.repo, listing.revision, name),
            role=role,
            size=listed.size,
            sha256=listed.sha256,
        )

    def _template(self, listing: Listing, chosen: ChosenFiles, form: Format) -> list[RemoteFile]:
        """The repository's chat template, in case that the weights have none."""
        folder = chosen.files[0][1].rpartition("/")[0]
        beside = f"{folder}/{sibling_template.FILE}" if folder else sibling_template.FILE
        for name in dict.fromkeys((beside, sibling_template.FILE)):
            listed = listing.files.get(name)
            if form is GGUF and listed and 0 < listed.size <= sibling_template.MOST_BYTES:
                return [self._remote(listing, name, TEMPLATE, form)]
        return []

    def _chosen(self, listing: Listing) -> tuple[Format, ChosenFiles]:
        faults: list[str] = []
        found = formats.choose(list(listing.files), faults)
        if not found:
            raise ModelNotFound(
                f"{self.repo} contains no GGUF file, and nothing else in a supported format; "
                + formats.known(faults),
                hint=f"look for a repository named {self.repo}-GGUF",
                model=self.repo,
            )
        return self._by_file(found) if self.file else self._by_tag(found, listing)

    def _by_file(self, found: list[tuple[Format, ChosenFiles]]) -> tuple[Format, ChosenFiles]:
        for form, model in found:
            weights = [name for role, name in model.files if role == WEIGHTS]
            if any(self.file in (name, name.rsplit("/", 1)[-1]) for name in weights):
                return form, model
        raise self._missing(self.file, [model.names[0] for _, model in found])

    def _by_tag(
        self, found: list[tuple[Format, ChosenFiles]], listing: Listing
    ) -> tuple[Format, ChosenFiles]:
        by_quant = {(quant_of(m.stem) or m.stem).upper(): (form, m) for form, m in found}
        tag = self.tag.upper()
        if tag in ("", DEFAULT_TAG.upper()):
            if found[0][0] is not GGUF:
                if len(found) > 1:
                    raise formats.several(self.repo, [model.names[0] for _, model in found])
                return found[0]
            sizes = {name: _size(model, listing) for name, (_, model) in by_quant.items()}
            if best := quantization.choose(sizes, self.room):
                return by_quant[best]
            raise self._too_large(sizes)
        by_stem = {model.stem.upper(): (form, model) for form, model in found}
        model = by_quant.get(tag) or by_stem.get(tag)
        if model is None:
            raise self._missing(self.tag, sorted(by_quant))
        return model

    def _too_large(self, sizes: Mapping[str, int]) -> DoesNotFit:
        smallest = min(sizes, key=lambda name: sizes[name])
        most = self.room.main if self.room else 0
        need = quantization.needed(sizes[smallest])
        anyway = f"ingle pull {self.hub.host}/{self.repo}:{smallest}"
        return DoesNotFit(
            f"{self.name} does not fit into this machine: its smallest quantisation, {smallest}, "
            f"takes about {need / 2**30:.1f} GiB, and models may have {most / 2**30:.1f} GiB",
            hint=f"ingle pull {self.fallback} (to have it anyway: {anyway})"
            if self.fallback
            else f"ingle recommend (to have it anyway: {anyway})",
            needed_bytes=need,
            available_bytes=most,
        )

    def _missing(self, wanted: str, there: list[str]) -> ModelNotFound:
        shown = ", ".join(there[:40])
        return ModelNotFound(
            f"{self.repo} has no {wanted}; it has {shown}",
            hint=f"ingle pull {self.hub.host}/{self.repo}:{there[0]}",
            model=self.name,
            nearest=there,
        )

    def _refused(self, status: int, code: str) -> IngleError:
        page, variable = self.hub.page(self.repo), self.hub.token_variable
        if code == "GatedRepo" or status == 403:
            return Unauthorized(
                f"{self.repo} is gated: its owner requires you to accept its terms",
                hint=f"accept its terms at {page}, then set {variable} to a token of that account",
            )
        if status == 401:
            return Unauthorized(
                f"{self.repo} does not exist on {host(self.endpoint)}, or is private or gated",
                hint=f"check the name; for a private or gated repository set {variable}",
            )
        if status == 404:
            what = "revision" if code == "RevisionNotFound" else "repository"
            return ModelNotFound(
                f"{host(self.endpoint)} has no {what} {self.repo} "
                f"({self.revision or self.hub.main})",
                hint="check the name at " + page,
                model=self.name,
            )
        return NetworkError(f"{host(self.endpoint)} answered {status} to the list of {self.repo}")


def _size(model: ChosenFiles, listing: Listing) -> int:
    """Bytes of a model's files; 0 if the hub does not say them all."""
    sizes = [listing.files[name].size for _, name in model.files]
    return sum(sizes) if all(sizes) else 0
