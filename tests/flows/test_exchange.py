"""`weightsmith import` and `export`: what they print is true, and leads on."""

import json
import shlex
import zipfile
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import load_file

import models
from flows.cli import main as cli
from flows.studies import resolve
from models import CifarResNet
from storage.exchange.writing import write_data_pt
from tasks.classifiers.imported import Imported

SMALL = ("--preset", "smoke", "--set", "network.width=1", "--set", "data.train_limit=60", "--set", "data.test_limit=40")
NAMES = ("linear.weight", "linear.bias")
WORDS = ("rows", "accuracy", "path", "next")


def weightsmith(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli.main, [str(each) for each in arguments])


@pytest.fixture
def data_pt(tmp_path: Path) -> Path:
    """Twelve heads of a network for digits that nobody trained."""
    network = models.build(CifarResNet(width=1), classes=10, shape=(1, 8, 8), mean=(0.3,), std=(0.4,), seed=0)
    rows = torch.randn(12, 90, generator=torch.Generator().manual_seed(0))
    write_data_pt(tmp_path / "data.pt", rows, network, NAMES, [0.25] * 12, {})
    return tmp_path / "data.pt"


def test_an_import_names_the_command_that_goes_on(data_pt: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = weightsmith("import", data_pt, *SMALL, "--home", home)
    assert done.exit_code == 0, done.output
    told = dict(line.split(maxsplit=1) for line in done.stdout.splitlines() if line.split()[0] in WORDS)
    assert told["rows"] == "12 of 90 numbers"
    assert told["accuracy"].startswith("25.00 % says the file; here ")
    assert (Path(told["path"]) / "entry.json").is_file()
    _, command, name, *arguments = shlex.split(told["next"])
    context = cli.main.get_command(None, command).make_context(command, [name, *arguments])
    study = resolve(name, context.params["preset"], context.params["changes"])
    assert study.strategy == Imported(path=told["path"], keep=NAMES)
    assert (study.seeds, study.network.width, context.params["home"]) == ((0,), 1, home)

    done = weightsmith("export", told["path"], tmp_path / "cell", "--format", "folder", "--home", home)
    assert done.exit_code == 0, done.output
    assert "12 original" in done.stdout
    done = weightsmith("import", tmp_path / "cell", *SMALL, "--home", home)
    assert done.exit_code == 0, done.output
    assert "12 of 90 numbers" in done.stdout


def test_a_hostile_file_is_one_message(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "data.pt", "w") as archive:
        archive.writestr("archive/data.pkl", b"cbuiltins\nprint\n.")  # Ray may have replaced the real one
    done = weightsmith("import", tmp_path / "data.pt", *SMALL, "--home", tmp_path / "home")
    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)
    assert "wants to load builtins.print" in done.output
    assert not (tmp_path / "home" / "store").exists()


def test_a_folder_that_is_no_run_is_not_exported(tmp_path: Path) -> None:
    done = weightsmith("export", tmp_path, tmp_path / "out")
    assert done.exit_code == 2
    assert "no run of parameter_diffusion" in done.output


def test_what_a_run_generated_can_be_taken_elsewhere(finished, tmp_path: Path) -> None:
    out = tmp_path / "models"
    options = ("--rows", "latent_ddpm", "--format", "safetensors", "--home", finished.home)
    done = weightsmith("export", finished.folder, out, *options)
    assert done.exit_code == 0, done.output
    summary = json.loads((finished.folder / "summary.json").read_text())
    assert f"4 latent_ddpm, {100 * summary['generated']['latent_ddpm']['mean']:.2f} % on the test split" in done.stdout
    states = [load_file(path) for path in sorted(out.iterdir())]
    assert len(states) == 4
    assert not torch.equal(states[0]["linear.weight"], states[1]["linear.weight"])
    assert torch.equal(states[0]["conv1.weight"], states[1]["conv1.weight"])
    done = weightsmith("export", finished.folder, tmp_path / "x", "--rows", "nobody", "--home", finished.home)
    assert done.exit_code == 2
    assert "rows: original, latent_ddpm" in done.output
