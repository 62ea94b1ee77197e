"""What the tests of `protect` have in common: an inpainter, an image, and the command."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from pydantic import TypeAdapter

from flows.cli.main import main
from models.lama import Lama, build_inpainter
from storage.formats import publish_tensors
from tasks.protection.adapters.inpainters import CONFIG

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
