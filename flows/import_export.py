"""What the commands `import` and `export` do, in which order."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from flows.home import home_folder
from flows.progress import displayed
from flows.studies import as_json
from flows.studies.parameter_diffusion import ParameterDiffusion
from methods.errors import BadSetting
from storage import datasets
from storage.datasets import Splits
from storage.exchange.reading import read_offered
from storage.formats import publish_json, read_json
from storage.lock import home_lock
from storage.places import child
from storage.snapshot_set import SnapshotSet
from tasks.classifiers.classifier_context import ClassifierContext, ContextConfig
from tasks.classifiers.imported import SEED, Imported
from tasks.exchange.export_models import Format, export, models_of
from tasks.exchange.import_rows import import_set, strategy_of, target_of
from tasks.runtime.pool import InlinePool
from tasks.runtime.run import Run

CONFIGURATION = "config.json"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An imported set. file, test, validation: mean accuracies, the file's own and those measured here, fractions."""

    strategy: dict[str, Any]
    rows: int
    numbers: int
    file: float
    test: float
    validation: float


def import_rows(
    study: ParameterDiffusion, source: Path, base: Path | None, recalibrate: bool, largest: int, home: str | None
) -> Found:
    """A committed set below HOME, its configuration beside it; what was imported before is found again."""
    place = home_folder(home)
    with home_lock(place), displayed(f"import {source.name}") as display:
        with display.stage("read", 1, 0):
            offered = read_offered(source, base, largest=largest)
            splits = datasets.load(study.data, home=place)
        strategy = whole(strategy_of(offered, "", recalibrate=recalibrate), study.context_config, splits)
        study = dataclasses.replace(study, strategy=strategy, seeds=(SEED,))
        run = Run(home=str(place), run_id="", preset=study.preset, seed=study.seed)
        run = run.bound(splits.digest, study.context_config)
        folder = target_of(offered, study.context_config, splits, run)
        study = dataclasses.replace(study, strategy=dataclasses.replace(strategy, path=folder))
        import_set(
            InlinePool(study.context_config, splits, display), source, base, largest, offered, study.context_config
        )
        publish_json(child(folder, CONFIGURATION), as_json(study))
    stored = SnapshotSet.open(folder)
    scalars = stored.scalars()
    return Found(
        strategy=as_json(study)["strategy"],
        rows=stored.rows,
        numbers=stored.size,
        file=float(scalars.column("accuracy").to_numpy().mean()),
        test=float(np.mean(stored.metadata["test_accuracy"])),
        validation=float(scalars.column("accuracy_reloaded").to_numpy().mean()),
    )


def whole(strategy: Imported, context_config: ContextConfig, splits: Splits) -> Imported:
    """With the short pattern `*` where a row is the whole network."""
    every = dataclasses.replace(strategy, keep=("*",))
    layout = ClassifierContext.layout_for(dataclasses.replace(context_config, strategy=every), splits)
    parameters = {entry.name for entry in layout.entries if not entry.name.endswith(("running_mean", "running_var"))}
    return every if parameters == set(strategy.keep) else strategy


def export_models(
    source: Path, target: Path, form: Format, name: str, seed: int | None, home: str | None
) -> tuple[int, float]:
    """How many models were written, and their mean accuracy on the test split, a fraction."""
    study = configuration_of(source)
    models = models_of(source, name, study.seeds[0] if seed is None else seed)
    with displayed(f"export {name} of {source.name}") as display, display.stage("write", 1, 0):
        splits = datasets.load(study.data, home=home_folder(home))
        export(ClassifierContext(study.context_config, splits), models, target, form)
    return len(models.accuracies), float(np.mean(models.accuracies))


def configuration_of(folder: Path) -> ParameterDiffusion:
    """Of a run, or of an import. Raises `BadSetting` where there is none."""
    path = folder / CONFIGURATION
    stored = read_json(path) if path.is_file() else {}
    if stored.get("study") != "parameter_diffusion":
        raise BadSetting(
            problem=f"{folder} is no run of parameter_diffusion, and no import",
            remedy="give HOME/runs/RUN_ID, or the folder that `weightsmith import` named",
        )
    return TypeAdapter(ParameterDiffusion).validate_python(stored)
