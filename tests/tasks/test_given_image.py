"""What a user's image and mask become before anything is made of them, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from methods.errors import BadData
from storage.pictures import as_png
from tasks.protection.given_image import Given, read_image
from tasks.protection.given_region import Request

SIZE = (32, 24)
"""Width and height."""
BOX = (4, 6, 8, 5)


def pixels(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def read(path: Path, *, mask: Path | None = None, around: int | None = None) -> Given:
    box = None if mask is not None else BOX
    return read_image(Request(path=path, mask=mask, box=box, target=path.with_suffix(".out.png"), around=around), 2)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_photograph_that_was_stored_turned_stands_upright(tmp_path: Path, orientation: int) -> None:
    """The mask is of the upright image."""
    upright = Image.fromarray(pixels(SIZE[1], SIZE[0], 3))
    turn = Image.Transpose
    stored = {
        2: (turn.FLIP_LEFT_RIGHT,),
        3: (turn.ROTATE_180,),
        4: (turn.FLIP_TOP_BOTTOM,),
        5: (turn.TRANSPOSE,),
        6: (turn.ROTATE_90,),
        7: (turn.TRANSVERSE,),
        8: (turn.ROTATE_270,),
    }[orientation]
    image = upright
    for each in stored:
        image = image.transpose(each)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / "turned.png", exif=exif)
    white = Image.new("L", SIZE)
    white.paste(255, (4, 6, 12, 11))
    white.save(tmp_path / "mask.png")
    given = read(tmp_path / "turned.png", mask=tmp_path / "mask.png")
    assert np.array_equal(given.picture.permute(1, 2, 0).numpy(), np.asarray(upright))
    assert torch.equal(given.mask, read(tmp_path / "turned.png").mask)
    assert given.region_sha256 == read(tmp_path / "turned.png").region_sha256
    assert "set upright" in given.remarks[0]


def test_colours_that_are_not_rgb_of_8_bits(tmp_path: Path) -> None:
    rgb = Image.fromarray(pixels(SIZE[1], SIZE[0], 3))
    rgb.convert("CMYK").save(tmp_path / "cmyk.jpg")
    palette = rgb.quantize(16)
    palette.save(tmp_path / "clear.png", transparency=palette.getpixel((0, 0)))
    palette.save(tmp_path / "palette.png")
    opaque = rgb.copy()
    opaque.putalpha(255)
    opaque.save(tmp_path / "opaque.png")
    for name, said in (("cmyk.jpg", "CMYK"), ("clear.png", "over white"), ("palette.png", ""), ("opaque.png", "")):
        given = read(tmp_path / name)
        assert given.picture.shape == (3, *SIZE[::-1])
        assert [said in remark for remark in given.remarks] == [True] * bool(said)
    assert read(tmp_path / "clear.png").picture[:, 0, 0].tolist() == [255, 255, 255]
    assert np.array_equal(read(tmp_path / "opaque.png").picture.permute(1, 2, 0).numpy(), np.asarray(rgb))
    Image.fromarray(np.full(SIZE[::-1], 40_000, np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(BadData, match="do not fit into 8 bits"):
        read(tmp_path / "deep.png")


def test_a_colour_profile_goes_along(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(pixels(SIZE[1], SIZE[0], 3)).save(tmp_path / "profiled.png", icc_profile=profile)
    given = read(tmp_path / "profiled.png")
    (tmp_path / "again.png").write_bytes(as_png(given.picture, given.profile))
    again = read(tmp_path / "again.png")
    assert again.profile == profile
    assert torch.equal(again.picture, given.picture)


def test_a_mask_that_is_partly_transparent_is_refused(tmp_path: Path) -> None:
    Image.fromarray(pixels(SIZE[1], SIZE[0], 3)).save(tmp_path / "image.png")
    white = Image.new("RGBA", SIZE, (255, 255, 255, 0))
    white.paste((255, 255, 255, 255), (4, 6, 12, 11))
    white.save(tmp_path / "mask.png")
    with pytest.raises(BadData, match="transparent pixels"):
        read(tmp_path / "image.png", mask=tmp_path / "mask.png")


def test_a_large_image_is_worked_on_in_a_window(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    Image.fromarray(pixels(1200, 1000, 3)).save(path)
    with pytest.raises(BadData, match="1000×1200 pixels") as raised:
        read(path)
    assert "--around" in raised.value.remedy
    given = read(path, around=20)
    assert given.window == (0, 0, 32, 31)  # cut at the edges of the image
    assert torch.equal(given.cut(given.mask).sum(), given.mask.sum())
    assert "only 32×31 of 1000×1200" in given.remarks[0]
    assert read(path, around=5000).window == (0, 0, 1000, 1200)
    with pytest.raises(BadData, match="covers everything"):
        read(path, around=1)
