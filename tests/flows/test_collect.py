"""`weightsmith collect`: the plan, its dry run on the command line, and what is refused."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from flows.cli.collect import numbers
from flows.cli.main import main
from flows.collection import carry_out
from flows.collection_plan import Choice, collection_run, plan
from flows.studies import as_json, resolve
from flows.studies.strategies import Strategies
from methods.errors import BadSetting
from storage import datasets
from storage.snapshot_set import SnapshotSet
from tasks.runtime.pool import InlinePool
from tests.benches.plain import Unseen

SMALL = ("base.data.test_limit=40", "base.network.width=1")


def study(*changes: str) -> Strategies:
    return resolve("strategies", "smoke", [*SMALL, *changes])


def planned(home: Path, chosen: Strategies | None = None, **choice):
    chosen = chosen or study()
    return plan(chosen, Choice(**choice), collection_run(chosen, home))


def test_a_plan_is_the_product_of_all_that_is_chosen(tmp_path: Path) -> None:
    found = planned(tmp_path, strategies=("shrink", "four_bn"), seeds=tuple(range(1000)), poisoned=(False, True))
    (group,) = found.groups
    assert len(group.units) == 4000
    assert len({unit.part for unit in group.units}) == 4000
    assert group.rows == 40_000
    assert group.bytes == 40_000 * 4 * (8 * 10 + 10)
    assert not any((tmp_path / "store").glob("*"))


def test_nothing_chosen_is_all_of_the_preset(tmp_path: Path) -> None:
    (group,) = planned(tmp_path).groups
    assert {unit.kind for unit in group.units} == {strategy.kind for strategy in study().strategies}
    assert {(unit.seed, unit.poison) for unit in group.units} == {(0, None)}


def test_rows_of_another_layout_lie_in_a_set_of_their_own(tmp_path: Path) -> None:
    values = as_json(study())["strategies"]
    values[0]["keep"] = ["layer4.1.bn2.*"]
    groups = planned(tmp_path, study(f"strategies={json.dumps(values)}")).groups
    assert {unit.kind for unit in groups[0].units} == {"last_phase"}
    assert len({group.folder for group in groups}) == len(groups) == 2


def test_the_set_does_not_depend_on_what_is_chosen_of_it(tmp_path: Path) -> None:
    one = planned(tmp_path, strategies=("shrink",), seeds=(3,))
    two = planned(tmp_path, strategies=("four_bn",), poisoned=(True,))
    other = planned(tmp_path, study("backdoor.fraction=0.5"))
    folders = [found.groups[0].folder for found in (one, two, other)]
    assert folders[0] == folders[1] != folders[2]


def test_carried_out_by_plain_calls(tmp_path: Path) -> None:
    chosen = study()
    run = collection_run(chosen, tmp_path)
    found = planned(tmp_path, strategies=("shrink", "retrain_first"), seeds=(2,), poisoned=(False, True))
    splits = datasets.load(chosen.data, home=tmp_path)
    (ref,) = carry_out(found, InlinePool(chosen.context_config, splits, Unseen()), run)
    stored = SnapshotSet.open(ref)
    assert stored.rows == found.groups[0].rows == 40
    assert stored.scalars(strategies=["shrink"], seeds=[2], poisoned=True, data=["digits"]).num_rows == 10
    assert set(stored.metadata["strategies"]) == {strategy.kind for strategy in chosen.strategies}


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"strategies": ("shrnk",)}, "did you mean 'shrink'"),
        ({"strategies": ("shrink", "shrink")}, "something twice"),
        ({"seeds": (1, 1)}, "something twice"),
        ({"data": ("digits", "digits")}, "something twice"),
        ({"data": ("digist",)}, "digits"),
    ],
)
def test_a_wrong_choice_is_refused(tmp_path: Path, choice: dict, said: str) -> None:
    with pytest.raises(BadSetting) as error:
        planned(tmp_path, **choice)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("base.data.train_limit=64", "rows cannot be kept in"),
        ('base.network={"kind": "conv_net"}', "no parameter matches the pattern"),
    ],
)
def test_a_plan_that_cannot_be_carried_out_is_refused(tmp_path: Path, change: str, said: str) -> None:
    chosen = resolve("strategies", "smoke", ["base.data.test_limit=40", change])
    with pytest.raises(BadSetting, match=said):
        planned(tmp_path, chosen)


@pytest.mark.parametrize(
    ("text", "found"),
    [("", ()), ("3", (3,)), ("0:3", (0, 1, 2)), ("0:2,7", (0, 1, 7)), ("5,1:3", (5, 1, 2))],
)
def test_seeds_are_numbers_and_ranges(text: str, found: tuple[int, ...]) -> None:
    assert numbers(text) == found


@pytest.mark.parametrize("text", ["a", "-1", "3:", ":3", "3:3", "4:2", "1.5"])
def test_other_seeds_are_refused(text: str) -> None:
    with pytest.raises(BadSetting, match="--seeds"):
        numbers(text)


def dry(home: Path, *arguments: str) -> str:
    settings = [part for change in SMALL for part in ("--set", change)]
    command = ["collect", "--preset", "smoke", "--home", str(home), *settings, *arguments, "--dry-run"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_dry_run_tells_jobs_rows_bytes_and_time_and_writes_nothing(tmp_path: Path) -> None:
    said = " ".join(dry(tmp_path, "--strategies", "shrink,four_bn", "--seeds", "0:1000").split())
    # 2,000 collections and 1,000 networks, which both strategies begin from
    for told in ("3000 jobs", "20 000 rows", "7.2 MB", "of one worker", "timed just now"):
        assert told in said
    assert not list(tmp_path.rglob("*.parquet")) + list(tmp_path.rglob("*.safetensors"))


def test_a_dry_run_counts_what_is_committed(tmp_path: Path) -> None:
    chosen = study()
    found = planned(tmp_path, strategies=("shrink",), seeds=(1,))
    splits = datasets.load(chosen.data, home=tmp_path)
    carry_out(found, InlinePool(chosen.context_config, splits, Unseen()), collection_run(chosen, tmp_path))
    assert "8 jobs to do, 50 rows" in dry(tmp_path, "--strategies", "shrink", "--seeds", "0:5")
