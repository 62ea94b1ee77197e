"""Every preset of `image_protection`, two steps of each stage, on random squares of its sizes."""

import dataclasses
from pathlib import Path

import pytest
import torch

from flows.studies import STUDIES
from flows.studies.image_protection import protect_and_edit
from storage.datasets import Split, Splits
from tasks.protection.editors import Trained
from tasks.protection.protect import Trial
from tasks.runtime.run import Run
from tests.contexts import inline

PROTECTING = list(STUDIES["image_protection"].preset_functions())


def hasty(wanted: Trained) -> Trained:
    training = dataclasses.replace(wanted.training, steps=2, batch=2)
    network = dataclasses.replace(wanted.network, width=4)
    judge = dataclasses.replace(wanted.judge, width=2)
    return dataclasses.replace(wanted, training=training, network=network, judge=judge)


@pytest.mark.parametrize("preset", PROTECTING)
def test_two_steps_of_every_protection(preset: str, tmp_path: Path) -> None:
    """Of every inpainter that is trained, method and journey; where a file is named, a small network stands in."""
    full = STUDIES["image_protection"].preset_functions()[preset]()
    small = STUDIES["image_protection"].preset_functions()["smoke"]().inpainter
    study = dataclasses.replace(
        full,
        inpainter=hasty(full.inpainter if isinstance(full.inpainter, Trained) else small),
        variants=tuple(hasty(each) for each in full.variants),
        methods=tuple(map(brief_method, full.methods)),
        implanting=full.implanting and dataclasses.replace(full.implanting, steps=2, batch=2),
        images=1,
        quality=dataclasses.replace(full.quality, each=1),
    )
    draw = torch.Generator().manual_seed(0)

    def some(side: int) -> Split:
        images = torch.randint(256, (2, 3, side, side), generator=draw, dtype=torch.uint8)
        return Split(images=images, labels=torch.arange(2))

    data = full.data
    splits = Splits(
        name=data.source,
        classes=("one", "two"),
        train=some(data.training_size or data.size),
        validation=some(data.size),
        test=some(data.size),
    )
    run = Run(home=str(tmp_path), run_id="r", preset=preset, seed=0).bound(splits.digest, study.context_config)
    summary, _ = protect_and_edit(study, inline(study.context_config, splits, run))
    assert len(summary["methods"]) == len(full.methods)
    assert len(summary["vulnerability"]) == 1 + len(full.variants)


def brief_method(trial: Trial) -> Trial:
    steps = {"iterations": 2} if hasattr(trial.method, "iterations") else {}
    return dataclasses.replace(trial, method=dataclasses.replace(trial.method, **steps))
