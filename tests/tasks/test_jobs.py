"""The key of a product: all that its job is given, and nothing of where it lies."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from methods.progress import OnStep
from storage.files import Ref
from storage.formats import publish_json, read_json
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.runtime.jobs import Folder, Home, map_jobs, new_job, product_path
from tasks.runtime.pool import InlinePool
from tasks.runtime.run import Run
from tests.contexts import context


@dataclasses.dataclass(frozen=True)
class Setting:
    steps: int
    names: tuple[str, ...] = ("a",)


@dataclasses.dataclass(frozen=True)
class Same:
    steps: int
    names: tuple[str, ...] = ("a",)


def work(worker_context: ClassifierContext, *arguments: Any, target: str, on_step: OnStep) -> None:
    on_step("work", 1, 1)
    publish_json(target, {"images": len(worker_context.test), "arguments": len(arguments)})


def other_work(worker_context: ClassifierContext, *arguments: Any, target: str, on_step: OnStep) -> None:
    raise AssertionError


@pytest.fixture
def run(context_config, splits, tmp_path: Path) -> Run:
    return Run(home=str(tmp_path), run_id="r", preset="p", seed=0).bound(splits.digest, context_config())


def name(run: Run, *arguments: Any, function: Any = work, product: str = "things") -> str:
    return Path(product_path(run, product, function, arguments, suffix=".json")).name


def test_every_argument_the_work_and_the_product_count(run: Run) -> None:
    ref = Ref("/a/file", "00")
    names = [
        name(run),
        name(run, 1),
        name(run, 1.5),
        name(run, "1"),
        name(run, None),
        name(run, True),
        name(run, 1, function=other_work),
        name(run, 1, product="others"),
        name(run, Setting(1)),
        name(run, Same(1)),
        name(run, Setting(1, ("a", "b"))),
        name(run, {"x": Setting(1)}),
        name(run, [1, 2]),
        name(run, [2, 1]),
        name(run, ref),
        name(run, (ref, ref)),
        name(run, Ref("/a/file", "01")),
        name(run, Folder("base/store/set")),
        name(run, Folder("base/store/other")),
        name(run, dataclasses.replace(run, seed=7)),
    ]
    assert len(set(names)) == len(names)


def test_a_file_counts_by_its_content_and_a_folder_by_its_name(run: Run, tmp_path: Path) -> None:
    assert name(run, Ref("/a/file", "00")) == name(run, Ref("s3://bucket/elsewhere", "00"))
    assert name(run, Folder("base/store/set")) == name(run, Folder("elsewhere/store/set"))
    assert name(run, Home("base")) == name(run, Home("elsewhere"))
    moved = dataclasses.replace(run, home=str(tmp_path / "other"), run_id="s")
    assert name(run, run, 1) == name(moved, moved, 1)


@pytest.mark.parametrize(
    "argument", [Path("a"), {1, 2}, object(), work, b"bytes"], ids=lambda each: type(each).__name__
)
def test_what_has_no_key_is_refused(run: Run, argument: Any) -> None:
    with pytest.raises(TypeError, match="has no key"):
        name(run, (1, argument))


def test_products_have_no_name_before_the_images_are_known(run: Run) -> None:
    with pytest.raises(RuntimeError, match="bound"):
        name(dataclasses.replace(run, reads=""), 1)


def test_each_item_is_done_once(context_config, splits, watcher, run: Run) -> None:
    place = context(InlinePool(context_config(), splits, watcher), context_config(), splits, run)
    items = {"first": (Setting(1),), "second": (Setting(2), 3)}
    found = map_jobs(place, "some", work, items, product="things", suffix=".json", label=lambda key: f"the {key}")
    assert {key: read_json(ref.path)["arguments"] for key, ref in found.items()} == {"first": 1, "second": 2}
    assert [label for _, label, *_ in watcher.steps] == ["the first", "the second"]
    again = map_jobs(place, "some", work, items | {"third": ()}, product="things", suffix=".json")
    assert [label for _, label, *_ in watcher.steps] == ["the first", "the second", "third"]
    assert {key: again[key] for key in items} == found
    assert watcher.stages == [("some", 2, 0), ("some", 3, 2)]
    assert map_jobs(place, "none", work, {}, product="things", suffix=".json") == {}
    assert len(watcher.stages) == 2


def test_a_timed_job_is_committed_with_its_seconds(run: Run) -> None:
    job = new_job(run, "things", work, (1,), suffix=".json", label="x", timed=True, beside=("more",))
    assert job.beside == ("more", f"{job.target}.seconds.json")
