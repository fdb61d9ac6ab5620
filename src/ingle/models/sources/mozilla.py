"""Mozilla's catalogues of translation models, for names such as ``bergamot:en-de``.

Two formats are known by what the address answers:

- Remote Settings (``.../collections/translations-models-v2/records``): ``data`` has a record for
  each file, with ``name``, ``fileType``, ``sourceLanguage``, ``targetLanguage``, ``version``,
  ``architecture``, ``decompressedHash``, ``decompressedSize`` and an ``attachment`` with
  ``location``, ``hash`` and ``size``; attachments lie below ``capabilities.attachments.base_url``
  of the server's root. Those of the older collection, ``translations-models``, are not packed.
- the list of Mozilla's training (``db/models.json``): ``baseUrl``, and ``models`` by pair, with
  ``architecture``, ``releaseStatus`` and ``files`` of ``path``, ``uncompressedHash`` and
  ``uncompressedSize``.

A pair has models of several tiers: ``tiny`` is the fastest; ``base`` and ``base-memory`` better.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any, Literal, NamedTuple
from urllib.parse import quote, urlsplit

import msgspec

from ingle.errors import ModelNotFound, NetworkError
from ingle.models.format import WEIGHTS
from ingle.models.formats.bergamot_format import SHORTLIST, SOURCE, TARGET, VOCABULARY
from ingle.models.pull_plan import PullPlan, RemoteFile
from ingle.models.ref import ModelRef
from ingle.models.sources.web import Web, host
from ingle.operations.encoded import UNREADABLE
from ingle.translation.language_tags import normal, pair_in

FAMILY = "bergamot"
TIERS = ("base-memory", "base", "tiny")
"""The preferred first."""
MOST_BYTES = 32 << 20
SHOWN = 8
_ROLES = {
    "model": WEIGHTS, "vocab": VOCABULARY, "srcvocab": SOURCE, "trgvocab": TARGET,
    "lex": SHORTLIST, "srcVocab": SOURCE, "trgVocab": TARGET, "lexicalShortlist": SHORTLIST,
}  # fmt: skip
_ORDER = (WEIGHTS, VOCABULARY, SOURCE, TARGET, SHORTLIST)
_PACKED: dict[str, Literal["gzip", "zstd"]] = {".gz": "gzip", ".zst": "zstd"}


class TranslationEntry(NamedTuple):
    """A model of a catalogue."""

    source: str
    target: str
    tier: str
    released: bool
    version: tuple[int, ...]
    files: tuple[RemoteFile, ...]

    @property
    def pair(self) -> str:
        """Its languages."""
        return f"{self.source}-{self.target}"


class _Attachment(msgspec.Struct):
    location: str
    hash: str = ""
    size: int | str = 0


class _Record(msgspec.Struct):
    name: str = ""
    fileType: str = ""  # noqa: N815 - the catalogue's own names
    sourceLanguage: str = ""  # noqa: N815
    targetLanguage: str = ""  # noqa: N815
    fromLang: str = ""  # noqa: N815 - of the older collection
    toLang: str = ""  # noqa: N815
    version: str = "0"
    architecture: str | None = None
    decompressedHash: str | None = None  # noqa: N815
    decompressedSize: int | None = None  # noqa: N815
    attachment: _Attachment | None = None


class _ListedFile(msgspec.Struct):
    path: str
    uncompressedHash: str = ""  # noqa: N815
    uncompressedSize: int = 0  # noqa: N815


class _ListedModel(msgspec.Struct):
    files: dict[str, _ListedFile]
    architecture: str = ""
    releaseStatus: str = ""  # noqa: N815


class _Answer(msgspec.Struct):
    data: list[_Record] | None = None
    baseUrl: str = ""  # noqa: N815
    models: dict[str, list[_ListedModel]] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class MozillaSource:
    """A pair of a catalogue."""

    url: str
    """Of the catalogue."""
    pair: tuple[str, str]
    tier: str
    """Empty: the preferred one of those that there are."""
    name: str

    @classmethod
    def of(cls, ref: ModelRef, name: str, url: str) -> MozillaSource | None:
        """What ``bergamot:en-de`` or ``bergamot:en-de-tiny`` stands for; None: something else."""
        if ref.host or ref.owner or ref.name.lower() != FAMILY:
            return None
        tag = ref.tag
        tier = next((each for each in TIERS if tag.lower().endswith(f"-{each}")), "")
        pair = pair_in(tag[: len(tag) - len(tier)].rstrip("-"))
        return cls(url, pair, tier, name) if pair else None

    @property
    def endpoint(self) -> str:
        """Where a token would go; there is none."""
        return self.url

    @property
    def token(self) -> str:
        """None is sent."""
        return ""

    async def plan(self, web: Web) -> PullPlan:
        """Ask for the catalogue, and choose.

        Raises:
            ModelNotFound: it has no such pair, or none of this tier; names the nearest.
            NetworkError: it is no catalogue.
        """
        entries = await self._entries(web)
        found = [each for each in entries if (each.source, each.target) == self.pair]
        fitting = [each for each in found if self.tier in ("", each.tier)]
        if not fitting:
            raise self._missing(entries, found)
        best = min(fitting, key=_rank)
        missing = {WEIGHTS} - {file.role for file in best.files}
        if missing:
            raise NetworkError(f"{host(self.url)} lists no weights of {best.pair}")
        tier = f"-{best.tier}" if best.tier else ""
        files = sorted(best.files, key=lambda file: _ORDER.index(file.role))
        return PullPlan(f"{FAMILY}:{best.pair}{tier} of {host(self.url)}", files, FAMILY)

    async def _entries(self, web: Web) -> list[TranslationEntry]:
        status, _, body = await web.read(self.url, MOST_BYTES)
        if status != 200:
            raise NetworkError(
                f"{host(self.url)} answered {status} to the list of translation models",
                hint="ingle config set translation_catalogue URL",
            )
        try:
            answer = msgspec.json.decode(body, type=_Answer)
        except UNREADABLE as error:
            raise self._nonsense(str(error)) from None
        if answer.models is not None:
            return _listed(answer.models, answer.baseUrl or self.url.rpartition("/")[0])
        if answer.data is not None:
            return _recorded(answer.data, await self._attachments(web))
        raise self._nonsense("it has neither data nor models")

    async def _attachments(self, web: Web) -> str:
        """Where attachments lie, as the server's root says."""
        before, found, _ = urlsplit(self.url).path.partition("/v1/")
        root = urlsplit(self.url)._replace(path=f"{before}/v1/", query="", fragment="").geturl()
        status, _, body = await web.read(root, MOST_BYTES)
        try:
            told: Any = msgspec.json.decode(body)
            base = told["capabilities"]["attachments"]["base_url"]
        except (*UNREADABLE, KeyError, TypeError):
            base = None
        if status != 200 or not found or not isinstance(base, str):
            raise self._nonsense("its root does not say where attachments are")
        return base.rstrip("/")

    def _nonsense(self, why: str) -> NetworkError:
        return NetworkError(
            f"{host(self.url)} sent no catalogue of translation models: {why}",
            hint="ingle config unset translation_catalogue",
        )

    def _missing(
        self, entries: list[TranslationEntry], found: list[TranslationEntry]
    ) -> ModelNotFound:
        source, target = self.pair
        if found:
            near = sorted({f"{FAMILY}:{each.pair}-{each.tier}" for each in found})
            what = f"{source}-{target} of the tier {self.tier}"
        else:
            fits = [each for each in entries if each.target == target or each.source == source]
            near = sorted({f"{FAMILY}:{each.pair}" for each in fits})
            what = f"{source}-{target}"
        shown = ", ".join(near[:SHOWN]) + (" ..." if len(near) > SHOWN else "")
        return ModelNotFound(
            f"{host(self.url)} has no translation model {what}; near are {shown or 'none'}",
            hint=f"ingle pull {near[0]}" if near else "ingle config unset translation_catalogue",
            model=self.name,
            nearest=near[:SHOWN],
        )


def _rank(entry: TranslationEntry) -> tuple[int, int, tuple[int, ...]]:
    place = TIERS.index(entry.tier) if entry.tier in TIERS else len(TIERS)
    return (not entry.released, place, tuple(-number for number in entry.version))


def _listed(models: dict[str, list[_ListedModel]], base: str) -> list[TranslationEntry]:
    entries = []
    for pair, several in models.items():
        tags = pair_in(pair)
        if tags is None:
            continue
        for each in several:
            files = [
                _remote(
                    role=_ROLES[kind],
                    path=file.path,
                    base=base,
                    sha256=file.uncompressedHash,
                    size=file.uncompressedSize,
                )
                for kind, file in each.files.items()
                if kind in _ROLES
            ]
            released = each.releaseStatus.startswith("Release")
            entries.append(
                TranslationEntry(tags[0], tags[1], each.architecture, released, (), tuple(files))
            )
    return entries


def _recorded(records: list[_Record], base: str) -> list[TranslationEntry]:
    entries: dict[tuple[str, str, str, str], list[RemoteFile]] = {}
    for each in records:
        source, target = each.sourceLanguage or each.fromLang, each.targetLanguage or each.toLang
        if each.attachment is None or each.fileType not in _ROLES or not (source and target):
            continue
        plain = each.decompressedHash or ""
        file = _remote(
            role=_ROLES[each.fileType],
            path=each.attachment.location,
            base=base,
            sha256=plain or each.attachment.hash,
            size=each.decompressedSize or 0,
            packed_sha256=each.attachment.hash if plain else "",
            packed_size=int(each.attachment.size) if plain else 0,
            name=each.name,
        )
        key = (normal(source), normal(target), each.architecture or "", each.version)
        entries.setdefault(key, []).append(file)
    return [
        TranslationEntry(
            source, target, tier, "a" not in version,
            tuple(int(part) for part in re.findall(r"\d+", version)), tuple(files),
        )
        for (source, target, tier, version), files in entries.items()
    ]  # fmt: skip


def _remote(
    *,
    role: str,
    path: str,
    base: str,
    sha256: str,
    size: int,
    packed_sha256: str = "",
    packed_size: int = 0,
    name: str = "",
) -> RemoteFile:
    ending = next((each for each in _PACKED if path.endswith(each)), "")
    packed = _PACKED[ending] if ending else ("zstd" if packed_sha256 else "")
    return RemoteFile(
        name=name or path.rpartition("/")[2].removesuffix(ending),
        url=f"{base}/{quote(path)}",
        role=role,
        size=packed_size if packed else size,
        sha256=packed_sha256 if packed else sha256,
        packed=packed,
        unpacked_sha256=sha256 if packed else "",
        unpacked_size=size if packed else 0,
    )
