"""Either of p-diff's formats, told apart by whether it is a file or a folder."""

from pathlib import Path

from methods.errors import BadSetting
from storage.exchange.checkpoints import CHECKPOINTS, PRETRAINED, read_checkpoints
from storage.exchange.data_pt import read_data_pt
from storage.exchange.offered import Offered

LARGEST = 8 * 2**30


def read_offered(source: Path, base: Path | None = None, *, largest: int = LARGEST) -> Offered:
    """What lies at `source`: a `data.pt`, a folder of `.pth`, or a cell's folder with `checkpoint/` in it.

    base: the whole network of a folder, as state dict or safetensors; a cell's own `pretrained.pth` if None. largest:
    bytes, of any one file. Raises `MissingFile`, `BadData`, `BadSetting`, `TornFile` or `UnsafePickle`.
    """
    if not source.is_dir():
        return read_data_pt(source, largest)
    folder = source / CHECKPOINTS if (source / CHECKPOINTS).is_dir() else source
    if base is None and folder != source and (source / PRETRAINED).is_file():
        base = source / PRETRAINED
    if base is None:
        raise BadSetting(
            problem=f"{source} holds some tensors of a network, not the rest of it",
            remedy="give the whole network's state dict (.pth or .safetensors) with --base",
        )
    return read_checkpoints(folder, base, largest)
