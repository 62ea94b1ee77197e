"""Every error of the family survives the way through other processes, and says what is wrong and what to do."""

import ast
import dataclasses
import importlib
import pickle
import pkgutil
import typing
from pathlib import Path

import pytest
from ray import cloudpickle

from methods.errors import WeightsmithError

CHECKOUT = Path(__file__).parents[2]
ROOMS = ("flows", "tasks", "storage", "methods", "models")
VALUES = {
    str: "at 0.5 \u2264 \u03b7\nline two",
    int: 7,
    float: 0.1,
    bool: True,
    tuple: (1, "b"),
    dict: {"a": 1},
    list: ["a"],
}


def family():
    """All classes, in any module of the checkout."""
    for room in ROOMS:
        package = importlib.import_module(room)
        for module in pkgutil.walk_packages(package.__path__, f"{room}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    found, waiting = [], [WeightsmithError]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting += kind.__subclasses__()
    return sorted(found, key=lambda kind: kind.__qualname__)


FAMILY = family()


def example(kind):
    """An error whose every field has a value that is not its default."""
    hints = typing.get_type_hints(kind)
    return kind(**{field.name: value_of(hints[field.name]) for field in dataclasses.fields(kind)})


def value_of(hint):
    if hint is typing.Any:
        return "anything"
    options = [option for option in typing.get_args(hint) if option is not type(None)]
    plain = typing.get_origin(hint) or hint
    return VALUES[plain] if plain in VALUES else value_of(options[0])


def fields_of(error):
    return {field.name: getattr(error, field.name) for field in dataclasses.fields(error)}


def test_the_family_is_found():
    assert {"BadSetting", "GateFailed", "TornShard", "WorkerLost", "ClusterError", "TrackingFailed"} <= {
        kind.__name__ for kind in FAMILY
    }


@pytest.mark.parametrize("kind", FAMILY, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("codec", [pickle, cloudpickle], ids=["pickle", "cloudpickle"])
def test_errors_travel_whole(kind, codec):
    error = example(kind)
    arrived = codec.loads(codec.dumps(error))
    assert type(arrived) is kind
    assert fields_of(arrived) == fields_of(error)
    assert str(arrived) == str(error)


@pytest.mark.parametrize("kind", FAMILY, ids=lambda kind: kind.__name__)
def test_the_text_names_problem_and_remedy(kind):
    error = dataclasses.replace(example(kind), problem="the lamp is off", remedy="turn the switch")
    assert "the lamp is off" in str(error)
    assert "turn the switch" in str(error)


@pytest.mark.parametrize("kind", FAMILY, ids=lambda kind: kind.__name__)
def test_a_subject_is_put_before_the_problem_and_changes_nothing_else(kind):
    error = example(kind)
    named = error.about("seed 3")
    assert type(named) is kind
    assert fields_of(named) == {**fields_of(error), "problem": f"seed 3: {error.problem}"}


def test_whoever_raises_says_what_to_do():
    """Every construction in the source gives a remedy."""
    names, silent, count = {kind.__name__ for kind in FAMILY}, [], 0
    for path in (path for room in ROOMS for path in (CHECKOUT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", None)) in names:
                count += 1
                if not {keyword.arg for keyword in node.keywords} & {"remedy", None}:
                    silent.append(f"{path.relative_to(CHECKOUT)}:{node.lineno}")
    assert not silent
    assert count > 20
