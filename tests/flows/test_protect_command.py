"""`protect` from an image to a PNG, a JSON file and a contact sheet, and its bad input."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from flows.cli.main import main
from flows.protect_photos import losses_of
from methods.protection.judging import Judge
from methods.protection.noise_control import NoiseControl
from methods.protection.saving import from_bytes
from tasks.protection.adapters.inpainters import OwnInpainter
from tasks.protection.given_image import elsewhere, read_image
from tasks.protection.given_region import Request
from tests.flows.protecting import BOX, SIZE, image, inpainter, protect, region, written

__all__ = ["image", "inpainter"]  # fixtures


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
    given = read_image(Request(path=image, mask=None, box=BOX, target=out), 2)
    x, y = (from_bytes(torch.from_numpy(each.astype(np.uint8)).permute(2, 0, 1)[None]) for each in (before, after))
    editor = OwnInpainter(path=str(inpainter)).open(torch.device("cpu"))
    masks = given.mask[None]
    far = elsewhere(masks, 2, torch.tensor([0]))
    judged = Judge(expansion=2)(editor, x, masks, far, protected=y, goal="far_colour")
    for name in ("psnr", "ssim_edit", "ssim_far", "target_mse"):
        assert told["protected"][name] == pytest.approx(getattr(judged, name).item(), abs=1e-6)
    control = NoiseControl(epsilon=8 / 255, losses=losses_of(2, ()))(editor, x, masks, seeds=torch.tensor([0]))
    by_noise = Judge(expansion=2)(editor, x, masks, far, protected=control.images, goal="far_colour")
    assert (control.images - x).abs().max().item() == pytest.approx(8 / 255)
    for name in ("psnr", "ssim_edit", "ssim_far", "target_mse"):
        assert told["noise_control"][name] == pytest.approx(getattr(by_noise, name).item(), abs=1e-6)
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
        (("--box", "20,16,8,6", "--epsilon", "0.003"), "from 1/255"),
        (("--box", "20,16,8,6", "--epsilon", "8"), "epsilon = 8"),
        (("--box", "20,16,8,6", "--through", "jpeg,blur"), "'blur' is not"),
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


def test_nothing_that_is_given_is_written_over(tmp_path: Path, image: Path, inpainter: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("a.png", "a.sheet.png", "b.PNG"):
        (folder / name).write_bytes(image.read_bytes())
    mask = written(tmp_path / "mask.png", region(*BOX))
    box = ("--box", "20,16,8,6")
    for given, said in (
        ((image, *box, "-o", image), "would be overwritten"),
        ((image, "--mask", mask, "-o", mask), "would be overwritten"),
        ((folder, *box, "-o", folder), "would be overwritten"),
        ((folder, *box, "-o", tmp_path / "out"), "a.png and a.sheet.png would both become"),
        ((folder, *box, "-o", image), "is a file"),
    ):
        done = protect(tmp_path, *given, "--inpainter", inpainter)
        assert done.exit_code == 2, done.output
        assert said in done.output
    assert image.read_bytes() == (folder / "a.png").read_bytes()


def test_nothing_changes_outside_of_the_window(tmp_path: Path, image: Path, inpainter: Path) -> None:
    out = tmp_path / "out.png"
    order = ("--box", "20,16,8,6", "--around", 7, "--inpainter", inpainter, "--iterations", 1, "-o", out)
    done = protect(tmp_path, image, *order)
    assert done.exit_code == 0, done.output
    assert json.loads(out.with_suffix(".json").read_text())["window"] == [13, 9, 22, 20]
    changed = (np.asarray(Image.open(image)) != np.asarray(Image.open(out))).any(2)
    assert changed[9:29, 13:35].any()
    changed[9:29, 13:35] = False
    assert not changed.any()


def test_through_compression_and_resizing(tmp_path: Path, image: Path, inpainter: Path) -> None:
    order = (image, "--box", " 20, 16  8,6", "--inpainter", inpainter, "--iterations", 1)
    told = {}
    for through in ("jpeg,resize", "resize"):
        out = tmp_path / f"{through}.png"
        done = protect(tmp_path, *order, "--through", through, "--epsilon", 0.5, "-o", out)
        assert done.exit_code == 0, done.output
        told[through] = json.loads(out.with_suffix(".json").read_text())
        assert told[through]["method"]["losses"]["distortions"]["kinds"] == through.split(",")
        assert told[through]["after"].keys() == {"jpeg_75", "resize_0.75"}
    assert told["resize"]["sha256"] != told["jpeg,resize"]["sha256"]


def test_an_inpainter_comes_along(tmp_path: Path, image: Path) -> None:
    out = tmp_path / "out.png"
    done = protect(tmp_path, image, "--box", "20,16,8,6", "--iterations", 1, "-o", out)
    assert done.exit_code == 0, done.output
    assert out.is_file()


def test_other_files_and_other_outputs_are_refused(tmp_path: Path, image: Path, inpainter: Path) -> None:
    box = ("--box", "20,16,8,6")
    for order, said in (
        (("-o", tmp_path / "out.png", "--inpainter", "model.onnx"), "ends with"),
        (("-o", tmp_path / "out.jpg", "--inpainter", inpainter), "no PNG"),
        (("-o", tmp_path / "out.png", "--inpainter", tmp_path / "none.safetensors"), "does not exist"),
    ):
        done = protect(tmp_path, image, *box, *order)
        assert done.exit_code in (1, 2)
        assert said in done.output
