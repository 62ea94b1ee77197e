"""One photograph as it is stored, and what becomes of grey and transparent ones."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import UInt8
from PIL import Image, ImageOps
from torch import Tensor

from storage.datasets.pixels import decode
from storage.files import sha256

Converted = Literal["turned", "deep", "cmyk", "transparent", "grey"]
"""What a photograph was before it became upright RGB of 8 bits."""
SAID: dict[Converted, str] = {
    "turned": "stored turned (EXIF) and set upright",
    "deep": "of 16 bits a channel and cut to 8",
    "cmyk": "CMYK and turned into RGB without a colour profile",
    "transparent": "transparent and laid over white",
    "grey": "grey and turned into RGB",
}
"""After \"was\" or \"were\"."""
ORIENTATION = 0x0112
PNG_START, PNG_DEPTH = b"\x89PNG\r\n\x1a\n", 24
"""The first bytes of a PNG, and the place of the byte that says how many bits a channel has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """name: short, for people. where: for messages. digest: sha256 of its bytes, which `read` reads."""

    name: str
    where: str
    digest: str
    read: Callable[[], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Upright and RGB. converted: in the order in which it was done. profile: the ICC profile that these numbers are
    meant in, empty for sRGB.
    """

    pixels: UInt8[Tensor, "3 h w"]
    converted: tuple[Converted, ...]
    profile: bytes


def from_file(path: Path) -> Encoded:
    return Encoded(name=path.stem, where=str(path), digest=sha256(path), read=path.read_bytes)


def from_bytes(content: bytes, where: str, name: str) -> Encoded:
    digest = hashlib.sha256(content).hexdigest()
    return Encoded(name=name, where=where, digest=digest, read=partial(bytes, content))


def photograph(encoded: Encoded) -> Opened:
    """Always upright RGB: grey is repeated, transparency laid over white. Raises `BadData`, naming the photograph."""
    content = encoded.read()
    converted: list[Converted] = []
    profile = b""

    def prepared(image: Image.Image) -> Image.Image:
        nonlocal profile
        converted.extend(_changes(content, image))
        found = image.info.get("icc_profile") or b""
        if found[16:20] == b"RGB " and image.mode in ("RGB", "RGBA", "P"):
            profile = found
        upright = ImageOps.exif_transpose(image)
        if "transparent" not in converted:
            return upright
        layers = upright.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers).convert("RGB")

    pixels = decode(content, name=encoded.where, prepared=prepared)
    rgb = pixels if len(pixels) == 3 else torch.cat([pixels] * 3)
    return Opened(pixels=rgb, converted=tuple(converted), profile=profile)


def _changes(content: bytes, image: Image.Image) -> Iterator[Converted]:
    if image.getexif().get(ORIENTATION, 1) in range(2, 9):
        yield "turned"
    if content.startswith(PNG_START) and content[PNG_DEPTH] == 16:
        yield "deep"
    if image.mode == "CMYK":
        yield "cmyk"
    if see_through(image):
        yield "transparent"
    elif image.mode in ("1", "L", "LA"):
        yield "grey"


def see_through(image: Image.Image) -> bool:
    """Whether any pixel is; a layer of transparency that hides nothing is none. Those of 16 bits are refused later."""
    if not image.has_transparency_data or image.mode[0] in "IF":
        return False
    return image.convert("RGBA").getchannel("A").getextrema()[0] != 255
