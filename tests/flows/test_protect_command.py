"""`protect` from an image to a PNG, a JSON file and a contact sheet, and its bad input."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image
from pydantic import TypeAdapter

from flows.cli import main
from methods.protection.judging import Judge
from methods.protection.saving import from_bytes
from models.lama import Lama, build_inpainter
from storage.formats import publish_tensors
from tasks.adapters.inpainters import CONFIG, OwnInpainter
from tasks.protect_image import elsewhere, read_image

BOX = (20, 16, 8, 6)
SIZE = (48, 40)
"""Width and height of the images."""


@pytest.fixture
def inpainter(tmp_path: Path) -> Path:
    config = Lama(width=4, blocks=1, downsamplings=2)
    told = {CONFIG: TypeAdapter(Lama).dump_json(config).decode()}
    path = tmp_path / "own.safetensors"
    publish_tensors(path, build_inpainter(config, seed=0).state_dict(), told)
    return path


@pytest.fixture
def image(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "image.png")
    return tmp_path / "image.png"


def protect(tmp_path: Path, *arguments: object) -> Result:
    order = ["protect", *map(str, arguments), "--home", str(tmp_path / "home"), "--expansion", "2"]
    return CliRunner().invoke(main, order)


def written(place: Path, region: np.ndarray) -> Path:
    Image.fromarray(region).save(place)
    return place


def region(*box: int) -> np.ndarray:
    x, y, across, down = box
    white = np.zeros(SIZE[::-1], dtype=np.uint8)
    white[y : y + down, x : x + across] = 255
    return white


def test_what_is_told_is_what_lies_in_the_file(tmp_path: Path, image: Path, inpainter: Path) -> None:
    out = tmp_path / "out" / "protected.png"
    order = ("--inpainter", inpainter, "--iterations", 2, "--epsilon", "8/255", "-o", out)
    done = protect(tmp_path, image, "--box", "20,16,8,6", *order)
    assert done.exit_code == 0, done.output
    assert {path.name for path in out.parent.iterdir()} == {"protected.png", "protected.json", "protected.sheet.png"}
    told = json.loads(out.with_suffix(".json").read_text())
    before, after = (np.asarray(Image.open(path)).astype(int) for path in (image, out))
    assert after.shape == before.shape
    assert np.abs(after - before).max() == round(255 * told["largest_change"]) == 8
    given = read_image(image, None, BOX, 2)
    x, y = (from_bytes(torch.from_numpy(each.astype(np.uint8)).permute(2, 0, 1)[None]) for each in (before, after))
    editor = OwnInpainter(path=str(inpainter)).open(torch.device("cpu"))
    masks = given.mask[None]
    far = elsewhere(masks, 2, torch.tensor([0]))
    judged = Judge(expansion=2)(editor, x, masks, far, protected=y)
    for name in ("psnr", "ssim_edit", "ssim_far", "target_mse"):
        assert told["protected"][name] == pytest.approx(getattr(judged, name).item(), abs=1e-6)
    assert told["noise_control"]["psnr"] < told["protected"]["psnr"] + 10
    assert told["method"]["epsilon"] == 8 / 255
    assert str(tmp_path) not in out.with_suffix(".json").read_text()
    again = tmp_path / "again.png"
    masked = written(tmp_path / "mask.png", region(*BOX))
    assert protect(tmp_path, image, "--mask", masked, *order[:-1], again).exit_code == 0
    assert again.read_bytes() == out.read_bytes()


def test_a_folder_and_pictures_that_are_not_rgb(tmp_path: Path, inpainter: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    rng = np.random.default_rng(1)
    Image.fromarray(rng.integers(0, 256, SIZE[::-1], dtype=np.uint8)).save(pictures / "grey.png")
    Image.fromarray(rng.integers(0, 256, (*SIZE[::-1], 4), dtype=np.uint8)).save(pictures / "clear.png")
    out = tmp_path / "out"
    order = ("--inpainter", inpainter, "--iterations", 1, "--method", "faithful", "-o", out)
    done = protect(tmp_path, pictures, "--box", "20,16,8,6", *order)
    assert done.exit_code == 0, done.output
    assert {path.name for path in out.glob("*.json")} == {"grey.json", "clear.json"}
    assert "RGB" in json.loads((out / "grey.json").read_text())["remarks"][0]
    assert "white" in json.loads((out / "clear.json").read_text())["remarks"][0]
    assert Image.open(out / "grey.png").mode == "RGB"


@pytest.mark.parametrize(
    ("white", "said"),
    [
        (region(0, 0, 0, 0), "is empty"),
        (region(0, 0, *SIZE), "covers everything"),
        (region(1, 1, SIZE[0] - 2, SIZE[1] - 2), "expanded by 2 pixels covers everything"),
        (region(*BOX)[:-1], r"48×40 pixels, its mask 48×39"),
        (region(2, 2, SIZE[0] - 4, SIZE[1] - 7), "no square of 4 pixels"),
    ],
)
def test_masks_that_cannot_be(tmp_path: Path, image: Path, inpainter: Path, white: np.ndarray, said: str) -> None:
    masked, out = written(tmp_path / "mask.png", white), tmp_path / "out.png"
    done = protect(tmp_path, image, "--mask", masked, "--inpainter", inpainter, "-o", out)
    assert done.exit_code == 1
    assert said in done.output
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--box", "44,16,8,6"), "does not lie inside"),
        (("--box", "1,2,3"), "not of the form"),
        ((), "neither mask nor box"),
        (("--box", "20,16,8,6", "--epsilon", "0"), "epsilon = 0"),
        (("--box", "20,16,8,6", "--epsilon", "a/b"), "no fraction"),
        (("--mask", "nowhere.png"), "there is no file nowhere.png"),
        (("--box", "20,16,8,6", "--expansion", "30"), "smaller than the 61×61 pixels"),
    ],
)
def test_orders_that_cannot_be(
    tmp_path: Path, image: Path, inpainter: Path, arguments: tuple[str, ...], said: str
) -> None:
    order = ["protect", str(image), "-o", str(tmp_path / "out.png"), "--inpainter", str(inpainter)]
    done = CliRunner().invoke(main, [*order, "--home", str(tmp_path / "home"), *arguments])
    assert done.exit_code in (1, 2)
    assert said in done.output


def test_an_inpainter_is_needed_and_a_file_without_loss(tmp_path: Path, image: Path, inpainter: Path) -> None:
    box = ("--box", "20,16,8,6")
    for order, said in (
        (("-o", tmp_path / "out.png"), "train-inpainter"),
        (("-o", tmp_path / "out.png", "--inpainter", "model.onnx"), "ends with"),
        (("-o", tmp_path / "out.jpg", "--inpainter", inpainter), "no PNG"),
        (("-o", tmp_path / "out.png", "--inpainter", tmp_path / "none.safetensors"), "does not exist"),
    ):
        done = protect(tmp_path, image, *box, *order)
        assert done.exit_code in (1, 2)
        assert said in done.output
