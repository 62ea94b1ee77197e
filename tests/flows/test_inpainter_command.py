"""`train-inpainter` from folder to file, table and picture."""

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from flows.cli.main import main
from flows.inpainter import Trained, recipe_of, train
from methods.errors import BadSetting
from storage.photographs import Photographs
from tasks.protection.adapters.inpainters import OwnInpainter

TINY = (
    "photographs.size=16",
    "photographs.training_size=16",
    "photographs.crops=2",
    "network.width=4",
    "network.blocks=1",
    "judge.width=2",
    "training.batch=2",
    "training.adversarial=1",
    "quality.each=1",
)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    for number in range(5):
        Image.fromarray(rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)).save(tmp_path / f"pictures/{number}.png")
    return tmp_path / "pictures"


def trained(pictures: Path, target: Path, home: Path, steps: int = 3) -> Trained:
    return train(recipe_of(str(pictures), TINY, steps=steps), target, str(home))


def test_a_folder_becomes_an_inpainter_and_a_second_time_it_is_found_again(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    first = trained(pictures, tmp_path / "a.safetensors", home)
    assert [(line.split, line.photographs, line.holes) for line in first.lines] == [
        ("validation", 1, 4),
        ("test", 1, 4),
    ]
    assert all(0 < line.l1.reference < 1 and 0 < line.l1.trained < 1 for line in first.lines)
    with Image.open(first.picture) as picture:
        assert min(picture.size) > 200
    images, masks = torch.rand(1, 3, 24, 24), torch.zeros(1, 1, 24, 24)
    masks[..., 8:16, 8:16] = 1
    assert OwnInpainter(path=str(first.path)).open(torch.device("cpu"))(images, masks).isfinite().all()
    monkeypatch.setattr("tasks.protection.train_inpainter.train_inpainter", None)  # what is committed is not done again
    again = trained(pictures, tmp_path / "b.safetensors", home)
    assert again.path.read_bytes() == first.path.read_bytes()
    with pytest.raises(TypeError):
        trained(pictures, tmp_path / "c.safetensors", home, steps=2)


def test_the_command_says_what_it_measured(pictures: Path, tmp_path: Path) -> None:
    arguments = ["train-inpainter", "--data", str(pictures), "--steps", "1", "--home", str(tmp_path / "home")]
    arguments += ["--output", str(tmp_path / "x.safetensors")]
    for change in TINY:
        arguments += ["--set", change]
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    for words in ("validation (1)", "test (1)", "L1 Telea", "x.safetensors", "x.png"):
        assert words in done.output


def test_what_is_set_arrives_and_what_is_misspelt_is_told() -> None:
    recipe = recipe_of("parquet:/x", ("training.l1_hole=3",), steps=7, seed=5)
    assert (recipe.training.steps, recipe.training.l1_hole, recipe.seed) == (7, 3.0, 5)
    assert recipe.photographs.source == "parquet:/x"
    assert recipe_of("embedded", ()).photographs.source == Photographs().source
    assert recipe_of("pictures", ()).photographs.source == "folder:pictures"
    with pytest.raises(BadSetting, match="l1_hole"):
        recipe_of("embedded", ("training.l1_hoel=3",))
    with pytest.raises(BadSetting, match=r"network\.width"):
        recipe_of("embedded", ("network.width=5",))
    shown = CliRunner().invoke(main, ["train-inpainter", "--show", "--steps", "9"])
    assert '"steps": 9' in shown.output
