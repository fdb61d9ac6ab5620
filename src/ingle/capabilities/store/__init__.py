"""The models of this device: pull, create, list, show, fit, copy, remove, and disk space."""

from __future__ import annotations

from ingle.capabilities.store.operation import (
    CopyModel,
    Created,
    CreateModel,
    DiskUsage,
    DiskUse,
    FindFile,
    FitModel,
    FitReport,
    ListModels,
    Models,
    OfferedModel,
    OfferModel,
    Prune,
    Pruned,
    Pull,
    Pulled,
    Recommendations,
    RecommendModels,
    RemoveModel,
    ShowModel,
    Shown,
    StoreVerified,
    VerifyStore,
)
from ingle.operations import Done, Progress, Status, TryingPath
from ingle.operations.capability import Capability, Command, Free, OwnerOnly

_CLI = "ingle.capabilities.store.cli"

CAPABILITY = Capability(
    name="store",
    summary="The models of this device and the disk space that they take.",
    operations=(
        ListModels, ShowModel, FitModel, Pull, CreateModel, FindFile, CopyModel, RemoveModel,
        DiskUse, Prune, VerifyStore, OfferModel, RecommendModels,
    ),
    events=(
        Models, Shown, FitReport, Progress, Pulled, Created, Done, DiskUsage, Pruned, Status,
        TryingPath, StoreVerified, OfferedModel, Recommendations,
    ),
    permission=OwnerOnly(),
    version=4,  # 2: creates models from others and files; 3: verifies them; 4: recommends some
    cost=Free(),
    performer="ingle.capabilities.store.performer:perform",
    commands={
        "pull": Command(f"{_CLI}.store_commands:pull_command", "Fetch a model."),
        "recommend": Command(
            f"{_CLI}.recommend_command:recommend_command", "Say which models suit this machine."
        ),
        "create": Command(
            f"{_CLI}.create_command:create_command", "Create a model from a Modelfile."
        ),
        "import": Command(
            f"{_CLI}.store_commands:import_command",
            "Use models that Ollama, LM Studio or Hugging Face downloaded, in place.",
        ),
        "list": Command(f"{_CLI}.store_commands:list_command", "List models."),
        "show": Command(f"{_CLI}.store_commands:show_command", "Show details of a model."),
        "cp": Command(f"{_CLI}.store_commands:cp_command", "Copy a model to another name."),
        "rm": Command(f"{_CLI}.store_commands:rm_command", "Remove a model."),
        "fit": Command(f"{_CLI}.fit_command:fit_command", "Check if a model fits into memory."),
        "df": Command(f"{_CLI}.disk_commands:df_command", "Show disk usage."),
        "prune": Command(f"{_CLI}.disk_commands:prune_command", "Delete files that no model uses."),
        "verify-store": Command(
            f"{_CLI}.verify_command:verify_command", "Find damaged files of models."
        ),
    },
    routes="ingle.capabilities.store.http:table",
    methods="ingle.capabilities.store.client:StoreMethods",
)  # fmt: skip
