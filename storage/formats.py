"""The small formats: JSON for entries and configurations, safetensors for checkpoints."""

import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from storage.errors import TornFile
from storage.files import Location, Ref, local_copy, publish

REMEDY = "delete it and run the task that writes it again"


def publish_json(path: Location, value: Any) -> Ref:
    """Writes `value` as indented JSON; equal values give equal bytes, hence equal hashes."""
    content = (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()
    return publish(path, lambda local: local.write_bytes(content), size=len(content))


def read_json(path: Location) -> Any:
    """Raises `MissingFile` or `TornFile`."""
    with local_copy(path) as local:
        try:
            return json.loads(local.read_bytes())
        except ValueError as error:
            raise TornFile(path=str(path), problem=f"{path} is not JSON: {error}", remedy=REMEDY) from error


def publish_tensors(path: Location, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Ref:
    """Writes named tensors, bit for bit; two names may share memory, each is stored in full."""
    # clone: safetensors refuses tensors that share memory, as tied weights and views of one row do.
    owned = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    size = sum(tensor.nbytes for tensor in owned.values())
    return publish(
        path,
        lambda local: _save(owned, local, dict(metadata)),
        check=lambda local: safe_open(local, "pt").__enter__().keys(),
        size=size,
    )


def _save(tensors: dict[str, Tensor], local: Path, metadata: dict[str, str]) -> None:
    try:
        save_file(tensors, local, metadata=metadata)
        _sort_metadata(local)
    except SafetensorError as error:
        # The library tells a full disk only in words: "No space left on device (os error 28)".
        code = re.search(r"\(os error (\d+)\)", str(error))
        if code is None:
            raise
        raise OSError(int(code[1]), os.strerror(int(code[1]))) from error


def _sort_metadata(local: Path) -> None:
    """Equal tensors and metadata give equal bytes: safetensors writes metadata in an order of its own every time."""
    with local.open("r+b") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        if "__metadata__" not in header:
            return
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        content = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode().ljust(length)
        if len(content) != length:  # where the numbers begin follows from it
            raise RuntimeError(f"the header of {local} takes {len(content)} bytes, safetensors wrote {length}")
        file.seek(8)
        file.write(content)


def read_tensors(path: Location) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors, on the CPU and mapped from a local file until they are written to, and the metadata.

    Raises `MissingFile` or `TornFile`.
    """
    with _opened(path) as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        return tensors, dict(file.metadata() or {})


def read_metadata(path: Location) -> dict[str, str]:
    """The metadata alone; reads no numbers. Raises `MissingFile` or `TornFile`."""
    with _opened(path) as file:
        return dict(file.metadata() or {})


def count_rows(path: Location, name: str) -> int:
    """Length of one tensor's first axis; reads no numbers. Raises `MissingFile` or `TornFile`."""
    with _opened(path) as file:
        return file.get_slice(name).get_shape()[0]


def read_rows(path: Location, name: str, start: int, stop: int) -> Tensor:
    """Rows start..stop of one tensor; reads no others. Raises `MissingFile` or `TornFile`."""
    with _opened(path) as file:
        return file.get_slice(name)[start:stop]


@contextlib.contextmanager
def _opened(path: Location) -> Iterator[Any]:
    with local_copy(path) as local:
        try:
            with safe_open(local, "pt") as file:
                yield file
        except SafetensorError as error:
            raise TornFile(path=str(path), problem=f"{path} is not safetensors: {error}", remedy=REMEDY) from error
