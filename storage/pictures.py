"""Images as other programs read them: PNG, which keeps every pixel, and JPEG, which does not."""

import io
from typing import Any

import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from storage.datasets.pixels import decode

Picture = UInt8[Tensor, "3 h w"]


def as_png(picture: Picture, profile: bytes = b"") -> bytes:
    """The same pixels give the same bytes, and `from_file_bytes` gives them back. profile: ICC, empty for sRGB."""
    return _encoded(picture, format="PNG", icc_profile=profile or None)


def from_file_bytes(content: bytes, *, name: str) -> Picture:
    """Three channels, whatever the file has. Raises `BadData` with `name` for bytes that are no image."""
    pixels = decode(content, name=name)
    return pixels if len(pixels) == 3 else torch.cat([pixels] * 3)


def through_jpeg(picture: Picture, quality: int) -> Picture:
    """Saved with Pillow's JPEG (colour at half the resolution) at a quality from 1 to 100, and read again."""
    return from_file_bytes(_encoded(picture, format="JPEG", quality=quality), name=f"JPEG {quality}")


def _encoded(picture: Picture, **how: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture.permute(1, 2, 0).cpu().numpy()).save(buffer, **how)
    return buffer.getvalue()
