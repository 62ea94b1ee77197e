"""The smallest cell of every study, by plain calls: for tests that run it in processes of their own."""

import contextlib
import dataclasses
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from flows.studies import Study, changed, resolve
from flows.studies.ablations import Ablations, Cell, run_cells
from flows.studies.image_protection import protect_and_edit
from flows.studies.invertibility import train_and_invert
from flows.studies.parameter_diffusion import generate_and_compare
from flows.studies.robustness import attack_and_compare
from flows.studies.strategies import compare_strategies
from flows.studies.transplant import transplant_and_compare
from storage import datasets
from storage.photographs import Photographs
from tasks.runtime.cluster import one_ray
from tasks.runtime.context import RunContext
from tasks.runtime.pool import InlinePool, ray_pool
from tasks.runtime.run import Run
from tasks.runtime.threads import fixed_threads
from tests.benches.plain import Unseen
from tests.flows import (
    test_cells,
    test_image_protection,
    test_invertibility,
    test_robustness,
    test_strategies,
    test_transplant,
)


def parameter_diffusion() -> Study:
    learns = ("data.train_limit=100", "network.width=2", "strategy.first.epochs=4", "strategy.first.batch_size=20")
    return resolve("parameter_diffusion", "smoke", (*test_cells.SMALL, *learns, "seeds=[0, 1]"))


def ablations() -> Study:
    cells = (Cell(varied="base", value="as it is"), Cell(varied="images", value="60", changes=("data.train_limit=60",)))
    return Ablations(base=resolve("parameter_diffusion", "smoke", test_cells.SMALL), cells=cells, seed=3)


def robustness() -> Study:
    generated = resolve("robustness", "smoke").generated
    assert generated is not None
    few = dataclasses.replace(generated, models=1, attacks=test_robustness.ATTACKS[:1])
    study = test_robustness.study(generated=few, images=4, block=2, masking_images=2, masking_queries=10)
    return changed(study, ['base.generator={"kind": "gram_pca"}'])  # which no gate stops, however brief the training


def image_protection() -> Study:
    smoke = test_image_protection.study()
    return dataclasses.replace(smoke, methods=(smoke.methods[0], smoke.methods[-3], smoke.methods[-1]), variants=())


STUDIES: dict[str, tuple[Callable[[], Any], Callable[..., Any]]] = {
    "parameter_diffusion": (parameter_diffusion, generate_and_compare),
    "ablations": (ablations, run_cells),
    "robustness": (robustness, attack_and_compare),
    "transplant": (lambda: test_transplant.study(seeds=(0,), held_out=None), transplant_and_compare),
    "strategies": (lambda: test_strategies.study(strategies=test_strategies.STRATEGIES[:2]), compare_strategies),
    "invertibility": (lambda: test_invertibility.study(seeds=(0,), images=2, block=1), train_and_invert),
    "image_protection": (image_protection, protect_and_edit),
}


def run_studies(home: Path, how: str, cores: int, workers: int, studies: Sequence[str]) -> None:
    """Products lie below HOME/store, and HOME/STUDY.json tells what a study found. how: `inline` or `ray`."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    with one_ray() if how == "ray" else contextlib.nullcontext():
        for name in studies:
            configure, body = STUDIES[name]
            study = configure()
            photos = isinstance(study.data, Photographs)
            splits = test_image_protection.photographs() if photos else datasets.load(study.data, home=home)
            resources = dataclasses.replace(study.resources, actors=workers)
            context_config = dataclasses.replace(study.context_config, resources=resources)
            run = Run(home=str(home), run_id="r", preset="smoke", seed=study.seed).bound(splits.digest, context_config)
            with contextlib.ExitStack() as stack:
                stack.enter_context(fixed_threads(study.resources.threads))
                if how == "ray":
                    pool: Any = stack.enter_context(ray_pool(context_config, splits, Unseen(), home))
                else:
                    pool = InlinePool(context_config, splits, Unseen())
                found = body(study, RunContext(pool=pool, run=run, splits=splits, context_config=context_config))
            (home / f"{name}.json").write_text(json.dumps(found, default=dataclasses.asdict, indent=1))
