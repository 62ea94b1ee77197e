"""Imports go one way: flows -> tasks -> storage -> methods, with models beside methods."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import importlinter.api  # noqa: F401 - importing it configures the linter
import pytest
from importlinter.application import use_cases

CHECKOUT = Path(__file__).parents[2]
ROOMS = ["flows", "tasks", "storage", "methods", "models"]

IMPORT_ALL = """
import importlib, pkgutil, sys
for room in ("methods", "models"):
    package = importlib.import_module(room)
    for module in pkgutil.walk_packages(package.__path__, room + "."):
        importlib.import_module(module.name)
print(*sys.modules)
"""


def test_the_contracts_of_pyproject_hold(capsys):
    kept = use_cases.lint_imports(str(CHECKOUT / "pyproject.toml"), cache_dir=None, no_logo=True)
    assert kept, capsys.readouterr().out


def test_methods_and_models_load_no_process_store_or_configuration():
    command = [sys.executable, "-c", IMPORT_ALL]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    ours = {str(path.relative_to(CHECKOUT).with_suffix("")).replace("/", ".") for path in sources("methods", "models")}
    assert ours <= loaded  # every file was imported
    roots = {name.partition(".")[0] for name in loaded}
    assert not roots & {"prefect", "ray", "mlflow", "pyarrow", "pydantic", "flows", "tasks", "storage"}


RUN_ON_DIGITS = """
import sys
from pathlib import Path
import flows.cli.main, flows.nightly, tasks.classifiers.classifier_context, models
from storage import datasets
splits = datasets.load(datasets.Data(source="digits", train_limit=20), home=Path("."))
models.build(models.CifarResNet(width=2), classes=10, shape=splits.shape, mean=splits.mean, std=splits.std, seed=0)
print(*sys.modules)
"""


def test_a_run_on_digits_loads_no_library_that_it_does_not_need(tmp_path):
    """Torchvision takes twice as long to import as PyTorch, Matplotlib is for the end of a run."""
    command = [sys.executable, "-c", RUN_ON_DIGITS]
    environment = {**os.environ, "PREFECT_HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"torch", "prefect", "sklearn"} <= loaded
    assert not loaded & {"torchvision", "torch._dynamo", "matplotlib", "mlflow", "ray"}


def sources(*rooms):
    return [path for room in rooms for path in (CHECKOUT / room).rglob("*.py") if path.name != "__init__.py"]


@pytest.mark.parametrize("name", [*ROOMS, "flows.cli.main"])
def test_names_resolve_into_this_checkout(name):
    """The rooms have names that other distributions could have, too."""
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert Path(spec.origin).is_relative_to(CHECKOUT / name.partition(".")[0])
