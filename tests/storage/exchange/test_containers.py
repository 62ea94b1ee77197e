"""Both containers of torch.save: every number arrives, and no damage goes unnoticed."""

import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from methods.errors import BadData
from storage.errors import MissingFile, TornFile
from storage.exchange.containers import read_torch

LARGEST = 2**30
TENSORS = {
    "plain": torch.arange(6.0).reshape(2, 3),
    "a part": torch.arange(20.0)[3:11:2],
    "turned": torch.arange(6.0).reshape(2, 3).T,
    "a number": torch.tensor(3.5),
    "empty": torch.zeros(0, 4),
    "whole numbers": torch.tensor([1, -2]),
    "yes and no": torch.tensor([True, False]),
    "half": torch.tensor([0.1, 65504.0], dtype=torch.float16),
    "brain": torch.tensor([0.1], dtype=torch.bfloat16),
    "not a number": torch.tensor([float("nan"), -0.0]),
    "parameter": nn.Parameter(torch.ones(3)),
}


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "stream"])
def test_tensors_arrive_bit_for_bit(legacy: bool, tmp_path: Path) -> None:
    path = tmp_path / "all.pt"
    torch.save(TENSORS, path, _use_new_zipfile_serialization=not legacy)
    file = read_torch(path, largest=LARGEST)
    for name, tensor in TENSORS.items():
        found = file.tensor(file.content[name])
        assert (found.dtype, found.shape) == (tensor.dtype, tensor.shape), name
        assert raw(found) == raw(tensor), name


def raw(tensor: torch.Tensor) -> list[int]:
    return tensor.detach().reshape(-1).contiguous().view(torch.uint8).tolist() if tensor.numel() else []


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "stream"])
def test_every_truncation_is_noticed(legacy: bool, tmp_path: Path) -> None:
    path = tmp_path / "all.pt"
    torch.save({"a": torch.arange(50.0)}, path, _use_new_zipfile_serialization=not legacy)
    whole = path.read_bytes()
    for length in range(0, len(whole), 37):
        path.write_bytes(whole[:length])
        with pytest.raises(TornFile) as torn:
            read_torch(path, largest=LARGEST)
        assert torn.value.path == str(path)
        assert torn.value.remedy


def test_a_flipped_bit_among_the_numbers_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    torch.save({"a": torch.arange(50.0)}, path)
    content = path.read_bytes()
    place = content.index(torch.arange(50.0).numpy().tobytes()) + 8
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    file = read_torch(path, largest=LARGEST)
    with pytest.raises(TornFile, match="CRC"):
        file.tensor(file.content["a"])


def test_a_tensor_that_claims_more_than_its_record_holds(tmp_path: Path) -> None:
    path, bad = tmp_path / "a.pt", tmp_path / "bad.pt"
    torch.save({"a": torch.arange(50.0)}, path)
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(bad, "w") as target:
        for info in source.infolist():
            content = source.read(info)
            # the size in the pickle, one byte: K 50
            target.writestr(
                info.filename, content.replace(b"K2", b"K\xff") if info.filename.endswith(".pkl") else content
            )
    file = read_torch(bad, largest=LARGEST)
    with pytest.raises(TornFile, match="promised"):
        file.tensor(file.content["a"])


def test_a_view_that_is_larger_than_its_storage_is_refused(tmp_path: Path) -> None:
    """One number seen a million times in both directions would take terabytes once copied."""
    path = tmp_path / "a.pt"
    torch.save({"a": torch.ones(1).expand(10**6, 10**6)}, path)
    file = read_torch(path, largest=LARGEST)
    with pytest.raises(TornFile, match="more than the 1 numbers"):
        file.tensor(file.content["a"])


def test_size_is_bounded_and_a_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    torch.save(torch.ones(1000), path)
    with pytest.raises(BadData, match="at most 1,000"):
        read_torch(path, largest=1000)
    with pytest.raises(MissingFile, match="elsewhere"):
        read_torch(tmp_path / "elsewhere.pt", largest=1000)
    path.write_text("hello")
    with pytest.raises(TornFile):
        read_torch(path, largest=1000)
