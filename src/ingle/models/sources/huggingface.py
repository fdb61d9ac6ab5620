"""A Hugging Face repository as a source, over the hub's own HTTP protocol.

``GET /api/models/{repo}/revision/{rev}?blobs=true`` lists the files with size
and, for large ones (LFS), their SHA-256; ``GET /{repo}/resolve/{commit}/{file}``
redirects to the bytes. https://huggingface.co/docs/hub/api

Environment: ``HF_TOKEN`` for gated and private repositories, ``HF_ENDPOINT``
for a mirror.
"""

from __future__ import annotations

import dataclasses
import os
import re
from urllib.parse import quote, unquote

import msgspec

from ingle.errors import (
    IngleError,
    InvalidRequest,
    ModelNotFound,
    NetworkError,
    Unauthorized,
)
from ingle.models import formats
from ingle.models import names as file_names
from ingle.models.format import WEIGHTS, ChosenFiles, Format
from ingle.models.formats.gguf_format import GGUF
from ingle.models.pull_plan import PullPlan, RemoteFile
from ingle.models.ref import DEFAULT_TAG, ModelRef, part_from
from ingle.models.sources.web import Web, host
from ingle.operations.encoded import UNREADABLE

HOSTS = ("hf.co", "huggingface.co")
DEFAULT_ENDPOINT = "https://huggingface.co"
PREFERRED = (
    *("Q4_K_M", "Q8_0", "Q4_K_S", "Q5_K_M", "Q4_0", "Q5_K_S", "Q6_K", "IQ4_XS", "IQ4_NL"),
    *("Q4_1", "Q5_0", "Q5_1", "MXFP4", "Q4_K_L", "Q4_K_XL", "UD-Q4_K_XL", "Q3_K_M"),
    *("F16", "BF16", "F32"),
)
"""Which quantisation to take when none is asked for: first that is there."""
_LISTING_LIMIT = 32 << 20
_QUANT = re.compile(
    r"(?:^|[-._])((?:UD-)?(?:I?Q[1-8](?:_[0-9A-Z]+)*|T?Q[12]_0|BF16|F16|F32|MXFP4(?:_MOE)?|NVFP4))\Z",
    re.IGNORECASE,
)


class _Lfs(msgspec.Struct):
    sha256: str = ""
    size: int = 0


class _Sibling(msgspec.Struct):
    rfilename: str
    size: int | None = None
    lfs: _Lfs | None = None


class _Listing(msgspec.Struct):
    sha: str = ""
    siblings: list[_Sibling] = []


_decode = msgspec.json.Decoder(_Listing).decode


@dataclasses.dataclass(frozen=True, slots=True)
class HubSource:
    """A repository, and which of its models: by quantisation or by file."""

    repo: str
    """``owner/name``."""
    name: str
    tag: str = ""
    file: str = ""
    revision: str = "main"

    @classmethod
    def parse(cls, text: str, name: str) -> HubSource | None:
        """Recognise a repository; None if the text is something else.

        Raises:
            InvalidRequest: it names the hub, but not a repository.
        """
        bare = re.sub(r"\Ahttps://", "", text)
        first, _, rest = bare.partition("/")
        if first not in HOSTS:
            return None
        rest, _, tag = unquote(rest.partition("?")[0]).strip("/").partition(":")
        owner, _, tail = rest.partition("/")
        repo, _, file = tail.partition("/")
        # Check the parts by the grammar of names before they are put into an URL.
        ref = ModelRef.parse(f"hf.co/{owner}/{repo}" + (f":{tag}" if tag else ""))
        revision = "main"
        if match := re.match(r"(?:resolve|blob|raw)/([^/]+)/(.+)\Z", file):
            revision, file = match[1], match[2]
        elif file.startswith("tree/"):
            revision, file = file.removeprefix("tree/").partition("/")[0], ""
        if file and not file_names.is_safe(file):
            raise InvalidRequest(f"source: {file!r} is not a valid file name", field="source")
        label = tag
        if file and not tag:
            stem = file.rsplit("/", 1)[-1].removesuffix(".gguf")
            label = quant_of(stem) or part_from(stem)
        default = msgspec.structs.replace(ref, tag=label or DEFAULT_TAG).short
        return cls(f"{owner}/{repo}", name or default, tag, file, revision)

    @property
    def endpoint(self) -> str:
        """The hub, or the mirror named by ``HF_ENDPOINT``."""
        return os.environ.get("HF_ENDPOINT", "").rstrip("/") or DEFAULT_ENDPOINT

    @property
    def token(self) -> str:
        """From the environment; empty: anonymous."""
        return os.environ.get("HF_TOKEN", "").strip()

    async def plan(self, web: Web) -> PullPlan:
        """Ask the hub for the files, and choose.

        Raises:
            Unauthorized: the repository is gated; says what to do.
            ModelNotFound: no such repository, or no such quantisation in it (lists
                those that are).
            InvalidRequest: it holds several models of another format than GGUF.
            NetworkError: the hub answered nonsense.
            Unreachable: worth another try.
        """
        rev = quote(self.revision, safe="")
        url = f"{self.endpoint}/api/models/{self.repo}/revision/{rev}?blobs=true"
        status, headers, body = await web.read(url, _LISTING_LIMIT)
        if status != 200:
            raise self._refused(status, headers.get("x-error-code", ""))
        try:
            listing = _decode(body)
        except UNREADABLE as error:
            raise NetworkError(f"{host(url)} sent an invalid list of files: {error}") from None
        # A name that leads out of its folder is not offered to formats, so none is chosen.
        siblings = {f.rfilename: f for f in listing.siblings if file_names.is_safe(f.rfilename)}
        form, chosen = self._chosen(list(siblings))
        commit = quote(listing.sha or self.revision, safe="")
        files = [self._remote(siblings[name], role, form, commit) for role, name in chosen.files]
        source = f"hf.co/{self.repo}" + (f"/{self.file}" if self.file else "")
        return PullPlan(
            source + (f":{self.tag}" if self.tag else ""), files, form.name, token=self.token
        )

    def _remote(self, file: _Sibling, role: str, form: Format, commit: str) -> RemoteFile:
        # The shards of a GGUF model may be in a folder; llama.cpp knows no folders.
        name = file.rfilename.rsplit("/", 1)[-1] if form is GGUF else file.rfilename
        return RemoteFile(
            name=name,
            url=f"{self.endpoint}/{self.repo}/resolve/{commit}/{quote(file.rfilename)}",
            role=role,
            size=(file.lfs.size if file.lfs else 0) or file.size or 0,
            sha256=file.lfs.sha256.lower() if file.lfs else "",
        )

    def _chosen(self, names: list[str]) -> tuple[Format, ChosenFiles]:
        faults: list[str] = []
        found = formats.choose(names, faults)
        if not found:
            raise ModelNotFound(
                f"{self.repo} contains no GGUF file, and nothing else in a supported format; "
                + formats.known(faults),
                hint=f"look for a repository named {self.repo}-GGUF",
                model=self.repo,
            )
        return self._by_file(found) if self.file else self._by_tag(found)

    def _by_file(self, found: list[tuple[Format, ChosenFiles]]) -> tuple[Format, ChosenFiles]:
        for form, model in found:
            weights = [name for role, name in model.files if role == WEIGHTS]
            if any(self.file in (name, name.rsplit("/", 1)[-1]) for name in weights):
                return form, model
        raise self._missing(self.file, [model.names[0] for _, model in found])

    def _by_tag(self, found: list[tuple[Format, ChosenFiles]]) -> tuple[Format, ChosenFiles]:
        by_quant = {(quant_of(m.stem) or m.stem).upper(): (form, m) for form, m in found}
        tag = self.tag.upper()
        if tag in ("", DEFAULT_TAG.upper()):
            for quant in PREFERRED:
                if quant in by_quant:
                    return by_quant[quant]
            if len(found) > 1 and found[0][0] is not GGUF:
                raise formats.several(self.repo, [model.names[0] for _, model in found])
            return found[0]
        by_stem = {model.stem.upper(): (form, model) for form, model in found}
        model = by_quant.get(tag) or by_stem.get(tag)
        if model is None:
            raise self._missing(self.tag, sorted(by_quant))
        return model

    def _missing(self, wanted: str, there: list[str]) -> ModelNotFound:
        shown = ", ".join(there[:40])
        return ModelNotFound(
            f"{self.repo} has no {wanted}; it has {shown}",
            hint=f"ingle pull hf.co/{self.repo}:{there[0]}",
            model=self.name,
            nearest=there,
        )

    def _refused(self, status: int, code: str) -> IngleError:
        page = f"{DEFAULT_ENDPOINT}/{self.repo}"
        if code == "GatedRepo" or status == 403:
            return Unauthorized(
                f"{self.repo} is gated: its owner requires you to accept its terms",
                hint=f"accept its terms at {page}, then set HF_TOKEN to a token of that account",
            )
        if status == 401:
            return Unauthorized(
                f"{self.repo} does not exist on {host(self.endpoint)}, or is private or gated",
                hint="check the name; for a private or gated repository set HF_TOKEN",
            )
        if status == 404:
            what = "revision" if code == "RevisionNotFound" else "repository"
            return ModelNotFound(
                f"{host(self.endpoint)} has no {what} {self.repo} ({self.revision})",
                hint="check the name at " + page,
                model=self.name,
            )
        return NetworkError(f"{host(self.endpoint)} answered {status} to the list of {self.repo}")


def quant_of(stem: str) -> str:
    """The quantisation at the end of a file's stem, such as ``Q4_K_M``; empty if none is known."""
    match = _QUANT.search(stem)
    return match[1] if match else ""
