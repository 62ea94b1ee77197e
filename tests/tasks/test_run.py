"""Names of products: equal for equal inputs in every process, different as soon as anything that decides them is."""

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.presets.parameter_diffusion import digits, smoke
from models import CifarResNet
from storage.datasets import Split, Splits
from tasks.classifiers.classifier_context import ContextConfig
from tasks.runtime import run as naming
from tasks.runtime.resources import Resources
from tasks.runtime.run import Run, digest, plain
from tasks.runtime.source_digest import ROOT


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(home=str(tmp_path), run_id="r", preset="smoke", seed=3, reads="squares")


def test_only_what_decides_a_product_is_in_its_name(run: Run) -> None:
    product = run.product("base", ".safetensors", smoke(), 1)
    assert Path(product).parent == Path(run.home) / "store" / "base"
    same = dataclasses.replace(run, run_id="another", preset="digits", seed=4, parent="nightly")
    assert same.product("base", ".safetensors", smoke(), 1) == product
    moved = dataclasses.replace(run, home="/elsewhere").product("base", ".safetensors", smoke(), 1)
    assert Path(moved).name == Path(product).name
    changed = dataclasses.replace(smoke(), samples=9)
    others = [(digits(), 1), (changed, 1), (smoke(), 2), (smoke(), "1"), (smoke(), 1, None), (1, smoke())]
    assert len({product, *(run.product("base", ".safetensors", *each) for each in others)}) == len(others) + 1


def test_stage_sources_versions_and_salt_are_in_the_key(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {
        run.product_key("a", 1),
        run.product_key("b", 1),
        dataclasses.replace(run, salt="run 2").product_key("a", 1),
    }
    monkeypatch.setattr(naming, "source_digest", lambda: "another source")
    keys.add(run.product_key("a", 1))
    monkeypatch.undo()
    monkeypatch.setattr(naming, "package_versions", lambda: {"torch": "0"})
    keys.add(run.product_key("a", 1))
    assert len(keys) == 5


def test_what_every_job_reads_is_in_the_key(
    run: Run, context_config: Callable[..., ContextConfig], splits: Splits
) -> None:
    given = context_config()
    bound = run.bound(splits.digest, given)
    keys = {run.product_key("a", 1), bound.product_key("a", 1)}
    changes = [
        {"data": dataclasses.replace(given.data, flip=not given.data.flip)},
        {"network": CifarResNet(width=3)},
        {"resources": Resources(threads=2)},
    ]
    for fields in changes:
        keys.add(run.bound(splits.digest, context_config(**fields)).product_key("a", 1))
    flipped = Split(images=255 - splits.test.images, labels=splits.test.labels)
    permuted = Split(images=splits.test.images, labels=splits.test.labels.flip(0))
    for part in ("train", "validation"):
        keys.add(run.bound(dataclasses.replace(splits, **{part: splits.test}).digest, given).product_key("a", 1))
    others = ({"test": flipped}, {"test": permuted}, {"classes": ("a", "c", "b")}, {"name": "other"})
    for fields in (*others, {"given_mean": (0.5,)}, {"given_std": (0.5,)}):
        keys.add(run.bound(dataclasses.replace(splits, **fields).digest, given).product_key("a", 1))
    assert len(keys) == 2 + len(changes) + 2 + len(others) + 2
    same = context_config(resources=Resources(actors=1, gpu_share=1.0, cache_gib=9.0, job_hours=1.0, device="cpu"))
    assert run.bound(splits.digest, same).product_key("a", 1) == bound.product_key("a", 1)
    assert run.bound(splits.digest, same).product_key("a", same) == bound.product_key("a", given)


def test_no_product_has_a_name_before_its_images_are_known(run: Run) -> None:
    with pytest.raises(RuntimeError, match=r"Run\.bound"):
        dataclasses.replace(run, reads="").product("base", ".safetensors", 1)


def test_equal_in_another_process(run: Run) -> None:
    script = (
        "from flows.presets.parameter_diffusion import smoke; from tasks.runtime.run import Run, digest\n"
        "run = Run(home='/', run_id='x', preset='y', seed=0, reads='squares')\n"
        "print(digest(smoke()), run.product_key('base', smoke(), (1, 2.5, None)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "12345"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [digest(smoke()), run.product_key("base", smoke(), (1, 2.5, None))]


def test_types_are_part_of_a_value() -> None:
    @dataclasses.dataclass(frozen=True)
    class One:
        x: tuple[int, ...] = (1,)

    @dataclasses.dataclass(frozen=True)
    class Two:
        x: tuple[int, ...] = (1,)

    assert digest(One()) == digest(One((1,)))
    assert digest(One()) != digest(Two())
    assert digest({"b": 1, "a": 2}) == digest({"a": 2, "b": 1})
    assert plain({1: (One(),)}) == {"1": [{"type": One.__qualname__, "x": [1]}]}


def test_a_study_of_a_nightly_lies_below_it(run: Run) -> None:
    assert run.folder == Path(run.home) / "runs" / "r"
    child = dataclasses.replace(run, run_id="night-robustness", parent="night")
    assert child.folder == Path(run.home) / "runs" / "night" / "robustness"
