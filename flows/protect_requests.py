"""Which images `protect` is asked for, with which masks, and what each is to become."""

from collections.abc import Sequence
from pathlib import Path

from methods.errors import BadSetting
from storage.photographs.loading import ENDINGS
from tasks.protection.given_region import Box, Request


def planned(
    image: Path, mask: Path | None, box: Box | None, target: Path, *, around: int | None = None
) -> list[Request]:
    """Every image with the PNG that it becomes. Raises `BadSetting` where something would be written over."""
    if not image.is_dir():
        if target.suffix.lower() != ".png":
            raise BadSetting(problem=f"{target} is no PNG", remedy="give a file without loss: -o NAME.png")
        requests = [Request(path=image, mask=mask, box=box, target=target, around=around)]
    else:
        if target.is_file():
            raise BadSetting(problem=f"{target} is a file", remedy=f"give a folder for what {image} becomes")
        requests = [
            Request(
                path=path,
                mask=None if mask is None else mask_of(mask, path),
                box=box,
                target=target / f"{path.stem}.png",
                around=around,
            )
            for path in sorted(image.iterdir())
            if path.suffix.lower() in ENDINGS and path.is_file()
        ]
    if not requests:
        raise BadSetting(problem=f"there are no PNG or JPEG files in {image}", remedy="check the path")
    check_targets(requests)
    return requests


def check_targets(requests: Sequence[Request]) -> None:
    """Raises `BadSetting` where what is written would take the place of an image, of a mask, or of each other."""
    read = {path.resolve() for request in requests for path in (request.path, request.mask) if path is not None}
    written: dict[Path, Path] = {}
    for request in requests:
        for target in (request.target, request.target.with_suffix(".sheet.png")):
            if target.resolve() in read:
                raise BadSetting(problem=f"{target} is given, and would be overwritten", remedy="write elsewhere: -o")
            if (other := written.setdefault(target, request.path)) != request.path:
                raise BadSetting(
                    problem=f"{other.name} and {request.path.name} would both become {target}", remedy="rename one"
                )


def mask_of(masks: Path, image: Path) -> Path:
    """In a folder of masks the one of the image's name; a file is the mask of all images."""
    if not masks.is_dir():
        return masks
    found = [masks / f"{image.stem}{ending}" for ending in (image.suffix, *ENDINGS)]
    return next((path for path in found if path.is_file()), found[0])
