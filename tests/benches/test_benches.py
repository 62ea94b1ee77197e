"""Every benchmark runs, at a tiny size: what it measures there means nothing, but it cannot break unnoticed."""

import importlib.util
import inspect
import math
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from flows.cli.main import main
from methods.attacks.attack import Attack
from methods.attacks.goals import Goal, Targeted, Untargeted
from methods.attacks.measuring import predict
from tests.benches import encodings
from tests.benches.__main__ import HERE, benchmarks, load
from tests.benches.peers import own
from tests.methods.attacks.victims import trained, unseen

FILES = sorted(HERE.glob("bench_*.py"))
PEERS = ("adv_lib", "art", "foolbox", "torchattacks")


@pytest.fixture
def module(request: pytest.FixtureRequest) -> ModuleType:
    return load(request.param)


@pytest.mark.parametrize("module", FILES, indirect=True, ids=lambda path: path.stem)
def test_a_tiny_size_is_named(module: ModuleType) -> None:
    parameters = inspect.signature(module.measure).parameters
    assert module.TINY
    assert set(module.TINY) == set(parameters)
    for name, value in module.TINY.items():
        assert value != parameters[name].default, name


def test_no_two_benchmarks_share_a_key() -> None:
    assert sorted(benchmarks().values()) == FILES


def only_parsed(run: Callable[..., Any]) -> Callable[..., Any]:
    """`subprocess.run`, but a command line of this project is parsed and not run: other tests start all services."""

    def stand_in(command: Sequence[str], **options: Any) -> Any:
        if list(command[1:4]) != ["-m", "flows", "run"]:
            return run(command, **options)
        main.get_command(None, "run").make_context("run", list(command[4:]))
        return None

    return stand_in


@pytest.mark.parametrize("module", FILES, indirect=True, ids=lambda path: path.stem)
def test_it_runs(module: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # some keep their files below the current folder
    monkeypatch.setattr(subprocess, "run", only_parsed(subprocess.run))
    threads = torch.get_num_threads()
    try:
        result = module.measure(**module.TINY)
    finally:
        torch.set_num_threads(threads)
    assert set(result) == {"ratio", "ours_seconds", "theirs_seconds", "target", "note"}
    for name in ("ratio", "ours_seconds", "theirs_seconds"):
        assert math.isfinite(result[name])
        assert result[name] > 0
    assert result["target"] == module.TARGET
    assert result["note"]


def test_encodings_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    encodings.main(5000, 20_000)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(encodings.LISTS) + len(encodings.PLANED)


def untargeted(labels: torch.Tensor) -> Goal:
    return Untargeted(labels)


def next_class(labels: torch.Tensor) -> Goal:
    return Targeted(labels, (labels + 1) % 10)


@pytest.mark.parametrize(
    ("attack", "goal", "least"),
    [
        *(pytest.param(attack, untargeted, 0.5, id=f"pgd {epsilon}") for epsilon, attack in own.PGD.items()),
        pytest.param(own.CARLINI_WAGNER, untargeted, 1.0, id="carlini_wagner"),
        pytest.param(own.ELASTIC_NET, untargeted, 1.0, id="elastic_net"),
        pytest.param(own.JSMA, next_class, 0.2, id="jsma"),
        pytest.param(own.MINIMUM_NORM, untargeted, 1.0, id="minimum_norm"),
    ],
)
def test_our_side_of_the_comparison_with_peers_runs(attack: Attack, goal: object, least: float) -> None:
    x, labels = unseen(20, fold=1)
    wanted = goal(labels)
    images = attack(trained(1), x, wanted, seeds=torch.arange(len(x)))
    assert wanted.reached(predict(trained(1), images)).double().mean() >= least


@pytest.mark.parametrize("key", ["pgd", "carlini_wagner", "elastic_net", "jsma", "minimum_norm"])
def test_the_comparison_with_peers_runs(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = [name for name in PEERS if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} cannot be installed beside our pins; make bench-peers has them")
    peers = importlib.import_module("tests.benches.peers.__main__")
    monkeypatch.setattr(peers, "SAMPLES", 20)
    assert getattr(peers, key)()["ratio"] > 0
