"""Names of products: equal for equal inputs in every process, different as soon as anything that decides them is."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.presets.parameter_diffusion import digits, smoke
from tasks import run as naming
from tasks.run import ROOT, Run, digest, plain


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(home=str(tmp_path), run_id="r", preset="smoke", seed=3)


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
    keys = {run.key("a", 1), run.key("b", 1), dataclasses.replace(run, salt="run 2").key("a", 1)}
    monkeypatch.setattr(naming, "source_digest", lambda: "another source")
    keys.add(run.key("a", 1))
    monkeypatch.undo()
    monkeypatch.setattr(naming, "package_versions", lambda: {"torch": "0"})
    keys.add(run.key("a", 1))
    assert len(keys) == 5


def test_sources_are_those_that_decide_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in ("methods/a.py", "models/deep/b.py", "tasks/c.py", "flows/d.py", "tasks/page.css"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("1")
    monkeypatch.setattr(naming, "ROOT", tmp_path)
    found = [naming.source_digest.__wrapped__()]
    for file, decides in [
        ("methods/a.py", True),
        ("models/deep/b.py", True),
        ("tasks/c.py", True),
        ("flows/d.py", False),
        ("tasks/page.css", False),
    ]:
        (tmp_path / file).write_text("2")
        found.append(naming.source_digest.__wrapped__())
        assert (found[-1] != found[-2]) is decides, file
    (tmp_path / "tasks" / "c.py").rename(tmp_path / "tasks" / "e.py")
    assert naming.source_digest.__wrapped__() != found[-1]


def test_equal_in_another_process(run: Run) -> None:
    script = (
        "from flows.presets.parameter_diffusion import smoke; from tasks.run import Run, digest\n"
        "print(digest(smoke()), Run(home='/', run_id='x', preset='y', seed=0).key('base', smoke(), (1, 2.5, None)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "12345"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [digest(smoke()), run.key("base", smoke(), (1, 2.5, None))]


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
