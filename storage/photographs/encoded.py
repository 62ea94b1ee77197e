"""One photograph as it is stored, and what becomes of grey and transparent ones."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from storage.datasets.pixels import decode
from storage.files import sha256

Converted = Literal["grey", "transparent"] | None
"""What a photograph was before it became RGB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """name: short, for people. where: for messages. digest: sha256 of its bytes, which `read` reads."""

    name: str
    where: str
    digest: str
    read: Callable[[], bytes]


def from_file(path: Path) -> Encoded:
    return Encoded(name=path.stem, where=str(path), digest=sha256(path), read=path.read_bytes)


def from_bytes(content: bytes, where: str, name: str) -> Encoded:
    digest = hashlib.sha256(content).hexdigest()
    return Encoded(name=name, where=where, digest=digest, read=partial(bytes, content))


def photograph(encoded: Encoded) -> tuple[UInt8[Tensor, "3 h w"], Converted]:
    """Always RGB: grey is repeated, transparency laid over white. Raises `BadData`, naming the photograph."""
    content = encoded.read()
    pixels = decode(content, name=encoded.where)
    with Image.open(io.BytesIO(content)) as image:
        if image.has_transparency_data:
            layers = image.convert("RGBA")
            buffer = io.BytesIO()
            Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers).convert("RGB").save(buffer, "PNG")
            return decode(buffer.getvalue(), name=encoded.where), "transparent"
    return (pixels, None) if len(pixels) == 3 else (torch.cat([pixels] * 3), "grey")
