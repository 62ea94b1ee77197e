"""What `torch.save` writes: a zip of a pickle and records of numbers, or (before PyTorch 1.6) one stream of both."""

import io
import math
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from methods.errors import BadData
from storage.errors import MissingFile, TornFile
from storage.exchange.stand_ins import Storage, Stored
from storage.exchange.unpickling import DAMAGED, PICKLE_BYTES, load_pickle

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
"""The first two pickles of a file from before PyTorch 1.6."""


@dataclass(frozen=True, slots=True)
class TorchFile:
    """`content`: what was saved, with a `Stored` in place of each tensor and a `Thing` in place of each object."""

    path: str
    content: Any
    numbers: Callable[[Storage], bytearray]

    def tensor(self, stored: Any) -> Tensor:
        """Reads one tensor, in memory that it shares with no file. Raises `TornFile` where it is not what it says."""
        try:
            return self._tensor(stored)
        except (ValueError, TypeError, AttributeError, KeyError, RuntimeError, OverflowError) as error:
            problem = f"a tensor in {self.path} cannot be read: {error}"
            raise TornFile(path=self.path, problem=problem, remedy=DAMAGED) from error

    def _tensor(self, stored: Stored) -> Tensor:
        storage, size, stride = stored.storage, tuple(stored.size), tuple(stored.stride)
        places = (stored.offset, storage.count, *size, *stride)
        if not all(type(place) is int and place >= 0 for place in places) or len(size) != len(stride):
            raise ValueError(f"size {size}, stride {stride}, offset {stored.offset}")
        last = stored.offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        if math.prod(size) == 0:
            return torch.empty(size, dtype=storage.dtype)
        if last >= storage.count or math.prod(size) > storage.count:
            raise ValueError(f"size {size} at {stored.offset} is more than the {storage.count} numbers of its storage")
        content = self.numbers(storage)
        if len(content) != storage.count * storage.dtype.itemsize:
            raise ValueError(f"{len(content):,} bytes where {storage.count:,} numbers of {storage.dtype} are promised")
        return torch.frombuffer(content, dtype=storage.dtype).as_strided(size, stride, stored.offset)


def read_torch(path: Path, *, largest: int) -> TorchFile:
    """A file of at most `largest` bytes. Raises `MissingFile`, `BadData`, `TornFile` or `UnsafePickle`."""
    if not path.is_file():
        raise MissingFile(path=str(path), problem=f"there is no file {path}", remedy="give the path of a file")
    if (size := path.stat().st_size) > largest:
        raise BadData(
            problem=f"{path} has {size:,} bytes, at most {largest:,} are read",
            remedy="raise the limit if you expect a file of this size and have the memory for it",
        )
    try:
        with path.open("rb") as stream:
            if stream.read(4) == b"PK\x03\x04":
                return _zip(path)
            stream.seek(0)
            return _stream(path, stream)
    except (zipfile.BadZipFile, EOFError, struct.error, LookupError, TypeError, AttributeError, RuntimeError) as error:
        problem = f"{path} is damaged, or torch.save did not write it: {error}"
        raise TornFile(path=str(path), problem=problem, remedy=DAMAGED) from error


def _zip(path: Path) -> TorchFile:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        packed = [each.filename for each in archive.infolist() if each.compress_type != zipfile.ZIP_STORED]
        pickles = [name for name in names if name.count("/") == 1 and name.endswith("/data.pkl")]
        if packed or len(pickles) != 1 or len(set(names)) != len(names):
            raise zipfile.BadZipFile(f"{len(pickles)} pickles, {len(packed)} compressed records of {len(names)}")
        root = pickles[0].removesuffix("data.pkl")
        if archive.getinfo(pickles[0]).file_size > PICKLE_BYTES:
            raise zipfile.BadZipFile(f"its pickle is longer than {PICKLE_BYTES:,} bytes")
        if f"{root}byteorder" in names and archive.read(f"{root}byteorder") != b"little":
            raise zipfile.BadZipFile("its numbers are big-endian")
        content = load_pickle(io.BytesIO(archive.read(pickles[0])), str(path))

    def numbers(storage: Storage) -> bytearray:
        try:
            with zipfile.ZipFile(path) as archive:
                return bytearray(archive.read(f"{root}data/{storage.key}"))
        except zipfile.BadZipFile as error:
            raise ValueError(error) from error

    return TorchFile(str(path), content, numbers)


def _stream(path: Path, stream: BinaryIO) -> TorchFile:
    name = str(path)
    if (load_pickle(stream, name), load_pickle(stream, name)) != (MAGIC, PROTOCOL):
        raise EOFError("it does not begin as its files do")
    if load_pickle(stream, name).get("little_endian") is not True:
        raise EOFError("its numbers are big-endian")
    storages: dict[str, Storage] = {}
    content = load_pickle(stream, name, storages)
    keys = load_pickle(stream, name)
    places: dict[str, tuple[int, int]] = {}
    for key in keys:
        (count,) = struct.unpack("<q", stream.read(8))
        length = count * storages[key].dtype.itemsize
        places[key] = (stream.tell(), length)
        if count < 0 or stream.seek(length, io.SEEK_CUR) > path.stat().st_size:
            raise EOFError(f"record {key} of {length:,} bytes is not all there")

    def numbers(storage: Storage) -> bytearray:
        start, length = places[storage.key]
        with path.open("rb") as again:
            again.seek(start)
            return bytearray(again.read(length))

    return TorchFile(name, content, numbers)
