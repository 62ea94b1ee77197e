"""Nothing that was made from other images, names or code is found again below the same home."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from flows.studies import resolve
from flows.studies.parameter_diffusion import ParameterDiffusion, generate_and_compare
from storage import datasets
from storage.datasets import Split, Splits
from tasks.runtime import run as naming
from tasks.runtime.run import Run
from tests.contexts import inline
from tests.flows.test_cells import SMALL

LEARNS = ("data.train_limit=200", "network.width=4", "strategy.first.epochs=6", "strategy.first.batch_size=20")


def study() -> ParameterDiffusion:
    return resolve("parameter_diffusion", "smoke", (*SMALL, *LEARNS, 'generator={"kind": "gram_pca"}'))


def measured(splits: Splits, home: Path) -> tuple[dict[str, Any], set[str]]:
    """The summary, and the names of all products below the home; snapshots are one by their entry."""
    chosen = study()
    run = Run(home=str(home), run_id="r", preset="smoke", seed=chosen.seed).bound(splits.digest, chosen.context_config)
    summary, _ = generate_and_compare(chosen, inline(chosen.context_config, splits, run))
    return json.loads(json.dumps(summary)), products(home)


def products(home: Path) -> set[str]:
    return {str(path.relative_to(home)) for path in (home / "store").rglob("*.*") if path.is_file()}


@pytest.fixture(scope="module")
def usual(tmp_path_factory) -> tuple[Path, Splits, dict[str, Any], set[str]]:
    home = tmp_path_factory.mktemp("home")
    splits = datasets.load(study().data, home=home)
    return home, splits, *measured(splits, home)


def other_labels(splits: Splits) -> Splits:
    """Test labels k become k + 1: a network that was right everywhere is wrong everywhere."""
    labels = (splits.test.labels + 1) % len(splits.classes)
    return dataclasses.replace(splits, test=Split(images=splits.test.images, labels=labels))


def other_pixels(splits: Splits) -> Splits:
    images = splits.test.images.clone()
    images[0, 0, 0, 0] ^= 1
    return dataclasses.replace(splits, test=Split(images=images, labels=splits.test.labels))


def other_names(splits: Splits) -> Splits:
    return dataclasses.replace(splits, classes=splits.classes[::-1])


def test_a_second_time_everything_is_found(usual) -> None:
    home, splits, summary, names = usual
    assert measured(splits, home) == (summary, names)


@pytest.mark.parametrize("change", [other_labels, other_pixels, other_names])
def test_of_other_images_or_names_everything_is_made_anew(change: Callable[[Splits], Splits], usual) -> None:
    home, splits, _, _ = usual
    before = products(home)
    chosen, changed = study(), change(splits)
    assert torch.equal(changed.train.images, splits.train.images)
    assert changed.digest != splits.digest
    summary, after = measured(changed, home)
    new = after - before
    assert {name.split("/")[1] for name in new} == {name.split("/")[1] for name in before}
    assert len(new) >= len(usual[3])  # each product once more
    assert summary["original"]["n"] == chosen.strategy.planned


def test_generated_models_are_measured_on_the_labels_that_there_are(usual) -> None:
    home, splits, summary, _ = usual
    usually, changed = summary["generated"]["gram_pca"], other_labels(splits)
    assert usually["mean"] > 0.3  # they have learnt something
    shifted, _ = measured(changed, home)
    assert shifted["generated"]["gram_pca"]["mean"] < usually["mean"] - 0.2
    assert shifted["original"]["mean"] < summary["original"]["mean"] - 0.2


def test_of_other_code_everything_is_made_anew(usual, monkeypatch: pytest.MonkeyPatch) -> None:
    home, splits, summary, _ = usual
    before = products(home)
    monkeypatch.setattr(naming, "source_digest", lambda: "another source")
    again, after = measured(splits, home)
    assert len(after - before) == len(usual[3])
    assert again["generated"] == summary["generated"]
