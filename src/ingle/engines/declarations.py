"""Which engines there are: ours, their other builds, and those of plug-ins.

Plug-ins are entry points of ``ingle.engines``. Builds are found where the settings say: under the
state directory, and in the system (`ingle.engines.llama.builds`).
"""

from __future__ import annotations

from typing import cast

from ingle.config import Settings
from ingle.engines.declaration import EngineDeclaration
from ingle.engines.engine import Engine, LoadSpec, Role
from ingle.engines.installed import installed
from ingle.engines.llama.builds import build_named, builds
from ingle.engines.recipes import BACKENDS
from ingle.errors import EngineMissing
from ingle.plugins import Table, attribute


def _fault(name: str, found: object) -> str:
    if not isinstance(found, EngineDeclaration):
        return f"{found!r} is not an EngineDeclaration"
    return "" if found.name == name else f"it calls itself {found.name!r}"


ENGINES: Table[EngineDeclaration] = Table(
    "ingle.engines",
    "engine",
    {
        "llama": "ingle.engines.llama.declaration:LLAMA",
        "upstream": "ingle.engines.upstream.declaration:UPSTREAM",
        "whisper": "ingle.engines.whisper.declaration:WHISPER",
        "faster-whisper": "ingle.engines.faster_whisper.declaration:FASTER_WHISPER",
        "onnx-asr": "ingle.engines.onnx_asr.declaration:ONNX_ASR",
        "espeak": "ingle.engines.espeak.declaration:ESPEAK",
        "piper": "ingle.engines.piper.declaration:PIPER",
        "kokoro": "ingle.engines.kokoro.declaration:KOKORO",
        "documents": "ingle.engines.documents.declaration:DOCUMENTS",
        "diffusers": "ingle.engines.diffusers.declaration:DIFFUSERS_ENGINE",
        "stable-diffusion": "ingle.engines.stable_diffusion.declaration:STABLE_DIFFUSION",
        "rapidocr": "ingle.engines.rapidocr.declaration:RAPIDOCR",
        "tesseract": "ingle.engines.tesseract.declaration:TESSERACT",
        "bergamot": "ingle.engines.bergamot.declaration:BERGAMOT",
        "opus": "ingle.engines.opus.declaration:OPUS",
        "langid": "ingle.engines.langid.declaration:LANGID",
    },
    _fault,
)


def engine_names(settings: Settings | None = None) -> list[str]:
    """The names of all engines, without importing any.

    Args:
        settings: where builds are looked for; None: builds are left out.
    """
    others = builds(settings) if settings is not None else {}
    return sorted({*ENGINES.names(), *others})


def declared(name: str, settings: Settings | None = None) -> EngineDeclaration:
    """The declaration of an engine.

    Args:
        settings: where builds are looked for; None: builds are left out.

    Raises:
        EngineMissing: there is no such engine; names those that are.
        BadPlugIn: it is a plug-in's, and cannot be used.
    """
    found = ENGINES.get(name)
    if found is None and settings is not None:
        found = build_named(name, settings)
    if found is None:
        raise _missing(name, settings)
    return found


def _missing(name: str, settings: Settings | None) -> EngineMissing:
    folder = installed(settings.state_path).get(name) if settings is not None else None
    if folder is not None:
        return EngineMissing(
            f"the engine {name} cannot be used: {folder.problem}",
            hint=f"ingle engine install {name}",
            engine=name,
        )
    return EngineMissing(
        f"there is no engine named {name!r}; installed are: {', '.join(engine_names(settings))}",
        hint=f"ingle engine install {name}" if name in BACKENDS else "ingle engine list",
        engine=name,
    )


def declaration_of(spec: LoadSpec) -> EngineDeclaration:
    """The declaration that reads a spec's options. Needs nothing but the spec, so workers can ask.

    Raises:
        EngineMissing, BadPlugIn: as `declared`.
    """
    return declared(spec.declaration or spec.engine)


def serving(form: str, role: Role) -> EngineDeclaration:
    """The first engine that serves a format and a role; plug-ins come after ours, by name.

    Raises:
        EngineMissing: none does; says which formats have engines.
    """
    for found in (ENGINES.built_in, ENGINES.plug_ins):
        for engine in found():
            if form in engine.formats and engine.serves_role(role):
                return engine
    every = [*ENGINES.built_in(), *ENGINES.plug_ins()]
    others = [f"{engine.name} ({', '.join(engine.formats)})" for engine in every if engine.formats]
    problems = ENGINES.problems()
    said = "".join(f"; {problem.message}" for problem in problems)
    same = [engine.name for engine in every if form in engine.formats]
    what = f"{form} models for {role}" if same else f"{form} models"
    raise EngineMissing(
        f"no installed engine runs {what}; installed are: {', '.join(others)}{said}",
        hint=problems[0].hint if problems else f"install a package with an engine for {form}",
        format=form,
        role=role,
    )


def load_engine(name: str) -> Engine:
    """Import an engine by name. Only a worker process should call this.

    Raises:
        EngineMissing: no such engine, or its package is not installed.
        BadPlugIn: it is a plug-in's, and cannot be used.
    """
    engine = declared(name)
    try:
        return cast("Engine", attribute(engine.loader)())
    except (ImportError, AttributeError) as error:
        why = f"engine {name!r} cannot be imported: {error}"
        raise extra_missing(engine, why, absent=isinstance(error, ModuleNotFoundError)) from error


def extra_missing(engine: EngineDeclaration, why: str, *, absent: bool) -> EngineMissing:
    """What an engine needs is not there, which the extras of ingle install.

    Args:
        absent: not at all, which is no fault; False: it is there, and broken.
    """
    return EngineMissing(
        why,
        hint=f"pip install 'ingle[{engine.extras}]'" if engine.extras else "ingle doctor",
        engine=engine.name,
        absent=absent and bool(engine.extras),
    )
