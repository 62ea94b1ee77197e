"""What happens to a protected image between its owner and an editor, on real files where there are any."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Interval
from pydantic import Field

from methods.protection.distortions import Blur, Resize
from methods.protection.inpainter import Images
from methods.protection.saving import as_bytes, from_bytes
from storage.pictures import through_jpeg

SAVED = "png"
"""The name of no transform at all: saved without loss, and read again."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class JpegFile:
    """Written as a JPEG by Pillow, and read again; quality: of the Independent JPEG Group's scale."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    kind: Literal["jpeg_file"] = "jpeg_file"
    quality: Annotated[int, Interval(ge=1, le=100)] = 75

    def __call__(self, images: Images) -> Images:
        read = torch.stack([through_jpeg(picture, self.quality) for picture in as_bytes(images)])
        return from_bytes(read.to(images.device), images.dtype)


Transform = Annotated[JpegFile | Resize | Blur, Field(discriminator="kind")]


def name_of(transform: Transform) -> str:
    """What tables call it: `jpeg_75`, `resize_0.75`, `blur_1`."""
    if isinstance(transform, JpegFile):
        return f"jpeg_{transform.quality}"
    return f"resize_{transform.scale:g}" if isinstance(transform, Resize) else f"blur_{transform.sigma:g}"


def sent(transform: Transform, images: Images) -> Images:
    """As they arrive: 8 bits again."""
    return from_bytes(as_bytes(transform(images).clamp(0, 1)), images.dtype)
