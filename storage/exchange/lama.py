"""A checkpoint of LaMa's public code: the generator's tensors out of all that its training left behind."""

from pathlib import Path

from torch import Tensor

from methods.errors import BadData
from storage.exchange.containers import read_torch

LARGEST = 4 * 2**30
PREFIX = "generator."


def read_lama(path: Path) -> dict[str, Tensor]:
    """The state of the generator, names as in `models.lama`; nothing that the file names is loaded or run.

    Raises `MissingFile`, `TornFile`, `UnsafePickle`, or `BadData` where there is no generator.
    """
    file = read_torch(path, largest=LARGEST)
    content = file.content
    state = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(state, dict):
        raise BadData(problem=f"{path} is no checkpoint of LaMa", remedy="give models/best.ckpt of its release")
    names = [name for name in state if isinstance(name, str) and name.startswith(PREFIX)]
    if not names:
        raise BadData(
            problem=f"{path} holds no tensors called {PREFIX}…; there are {', '.join(map(str, list(state)[:3]))}, …",
            remedy="give models/best.ckpt of LaMa's release; our own files are opened by kind own",
        )
    return {name.removeprefix(PREFIX): file.tensor(state[name]) for name in names}
