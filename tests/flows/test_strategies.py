"""The study of collection strategies by plain calls: whole, resumed, drawn, with one that stops, and its bad input."""

import dataclasses
import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from flows.publish import children
from flows.report.page import build
from flows.report.table import markdown
from flows.studies import STUDIES, as_json, changed, resolve
from flows.studies.strategies import Strategies, compare_strategies
from methods.collection.phase import Training
from methods.collection.shrinking import Shrink
from methods.collection.strategy import LastPhase
from methods.collection.whole import ManySeeds
from methods.errors import BadSetting
from models import ConvNet
from storage import datasets
from tasks.runtime.run import Run
from tests.contexts import inline

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "summary.schema.json").read_text())
BRIEF = Training(epochs=6, learning_rate=0.05, batch_size=20)
STRATEGIES = (
    LastPhase(keep=("linear.*",), first=BRIEF, then=BRIEF, rows=20),
    Shrink(first=BRIEF, then=BRIEF, stages=(("hidden.*", "linear.*"), ("linear.*",)), rows=20),
    ManySeeds(first=dataclasses.replace(BRIEF, epochs=2), rows=10),
)


def study(**fields) -> Strategies:
    smoke = resolve("strategies", "smoke", ["base.data.train_limit=100", "base.data.test_limit=40"])
    base = dataclasses.replace(smoke.base, network=ConvNet(channels=(3,), hidden=6), strategy=STRATEGIES[0])
    return dataclasses.replace(smoke, **{"base": base, "strategies": STRATEGIES} | fields)


def run(chosen: Strategies, home: Path):
    splits = datasets.load(chosen.data, home=home)
    order = Run(home=str(home), run_id="plain", preset="custom", seed=chosen.seed).bound(
        splits.digest, chosen.context_config
    )
    return compare_strategies(chosen, inline(chosen.context_config, splits, order))


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    return home, *run(study(), home)


def problems(summary: dict) -> list[str]:
    return [error.message for error in Draft202012Validator(SCHEMA).iter_errors(summary)]


def test_the_summary_is_one_of_the_schema(ran, as_summary) -> None:
    told = as_summary("strategies", ran[1])
    assert problems(told) == []
    assert set(told["strategies"]) == {"last_phase", "shrink", "many_seeds"}
    del told["strategies"]["shrink"]["transplanted"]
    assert problems(told)


def test_numbers_are_those_of_the_models(ran) -> None:
    told = ran[1]["strategies"]
    assert {name: each["rows"] for name, each in told.items()} == {"last_phase": 20, "shrink": 20, "many_seeds": 10}
    for each in told.values():
        assert (each["original"]["n"], each["generated"]["n"]) == (each["rows"], 4)
        assert each["transplanted"]["n"] == each["transplanted_as_is"]["n"] == 4
        assert each["collected_transplanted"]["n"] == each["rows"]
        assert each["numbers"] == 6 * 10 + 10
    assert told["many_seeds"]["diversity"] > 1 > told["last_phase"]["diversity"] > 0


def test_what_becomes_of_the_backdoor(ran) -> None:
    told = ran[1]["strategies"]
    hosts = [each["backdoor"]["recipient"] for each in told.values()]
    assert hosts[0] == hosts[1] == hosts[2]
    orders = {f"{source} {order}" for source in ("generated", "collected") for order in ("as_is", "aligned")}
    for each in told.values():
        done = {one["name"]: one for one in each["backdoor"]["defences"]}
        assert set(done) == orders | {"fine_tuned"}
        assert done["generated aligned"]["n"] == 4
        assert done["collected as_is"]["n"] == each["rows"]
        for one in done.values():
            kept = one["clean_accuracy"] >= 0.95 * hosts[0]["clean_accuracy"]
            assert one["defence"] == (kept and hosts[0]["asr"] - one["asr"] >= 0.1)


def test_a_second_run_computes_nothing_and_says_the_same(ran) -> None:
    home, summary, _ = ran
    made = {path: path.stat().st_mtime_ns for path in (home / "store").rglob("*") if path.is_file()}
    assert run(study(), home)[0] == summary
    assert {path: path.stat().st_mtime_ns for path in (home / "store").rglob("*") if path.is_file()} == made
    # equal openings, but for the two epochs of many_seeds; and two recipients
    assert len(list((home / "store" / "base").iterdir())) == 4
    assert len(list((home / "store" / "fine_tuned").iterdir())) == 1  # all keep the same layers


def test_it_is_drawn_and_told(ran, as_summary, tmp_path: Path) -> None:
    told = as_summary("strategies", ran[1])
    for name, content in {"summary": told, "details": ran[2], "config": as_json(study())}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    page = build(tmp_path).read_text()
    mean = f"{100 * told['strategies']['shrink']['transplanted']['mean']:.2f}"
    for text in (*told["strategies"], mean, told["verdict"]):
        assert text in page
    assert {path.stem for path in (tmp_path / "figures").iterdir()} == {"strategies"}
    assert mean in markdown(told)
    named = [(child.kind, child.name) for child in children(told)]
    assert named == [("strategy", name) for name in told["strategies"]]


def test_a_strategy_that_stops_does_not_stop_the_others(tmp_path: Path, as_summary) -> None:
    """At such a rate the loss becomes no number."""
    wild = dataclasses.replace(STRATEGIES[1], then=dataclasses.replace(BRIEF, learning_rate=1e6, weight_decay=10.0))
    summary, _ = run(study(strategies=(wild, STRATEGIES[2])), tmp_path)
    assert set(summary["strategies"]) == {"many_seeds"}
    assert "became" in summary["failed_strategies"]["shrink"]["error"]
    assert summary["verdict"].endswith("1 stopped: shrink.")
    assert problems(as_summary("strategies", summary)) == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [({"strategies": STRATEGIES[:1] * 2}, "two are called 'last_phase'"), ({"recipient": 0}, "choose another seed")],
)
def test_bad_input_is_refused(fields: dict, said: str) -> None:
    with pytest.raises(BadSetting, match=said):
        study(**fields)


KEPT = [strategy.kind for strategy in STUDIES["strategies"].preset_functions()["note"]().strategies]


@pytest.mark.parametrize("kind", [kind for kind in KEPT if kind != "last_phase"])
def test_every_strategy_is_selectable_in_every_study(kind: str) -> None:
    choice = json.dumps({"kind": kind, "scale": 0.1, "rows": 50})
    for name, preset, path in (
        ("parameter_diffusion", "digits", "strategy"),
        ("ablations", "digits", "base.strategy"),
        ("robustness", "digits", "base.strategy"),
        ("transplant", "digits", "base.strategy"),
    ):
        chosen = changed(resolve(name, preset), [f"{path}={choice}"])
        assert chosen.context_config.strategy.kind == kind
        assert chosen.context_config.strategy.phases()[0].training.epochs == 10
