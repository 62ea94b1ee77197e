"""What a hostile file can do: be refused, by the name of what it wanted to load."""

import importlib.util
import os
import pickle
import struct
import zipfile
from pathlib import Path

import pytest
import torch

from storage.errors import TornFile, UnsafePickle
from storage.exchange.containers import MAGIC, PROTOCOL, read_torch

LARGEST = 2**30


class Calls:
    """Pickles as a call of `function` with `arguments`."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[object, ...]:
        return self.call


def named(module: str, name: str, argument: str) -> bytes:
    """The opcodes of a call of a global with one text, whatever is importable here."""
    return (
        b"\x80\x02c"
        + f"{module}\n{name}\n".encode()
        + b"X"
        + struct.pack("<I", len(argument))
        + argument.encode()
        + b"\x85R."
    )


def zipped(path: Path, pickled: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/version", "3\n")
    return path


def streamed(path: Path, pickled: bytes) -> Path:
    head = [MAGIC, PROTOCOL, {"little_endian": True}]
    path.write_bytes(b"".join(pickle.dumps(each, 2) for each in head) + pickled + pickle.dumps([], 2))
    return path


HOSTILE = {
    "os.system": (named("os", "system", "touch m"), "os.system"),
    "posix.system": (named("posix", "system", "touch m"), "posix.system"),
    "eval": (named("builtins", "eval", "open('m', 'w')"), "builtins.eval"),
    "Python 2's eval": (named("__builtin__", "eval", "open('m', 'w')"), "__builtin__.eval"),
    "exec": (named("builtins", "exec", "open('m', 'w')"), "builtins.exec"),
    "getattr": (named("builtins", "getattr", "x"), "builtins.getattr"),
    "import": (named("builtins", "__import__", "os"), "builtins.__import__"),
    "runpy": (named("runpy", "run_path", "m.py"), "runpy.run_path"),
    "torch.load": (named("torch", "load", "m"), "torch.load"),
    "torch.hub": (named("torch.hub", "load", "m"), "torch.hub.load"),
    "a tensor from a type": (
        named("torch._tensor", "_rebuild_from_type_v2", "x"),
        "torch._tensor._rebuild_from_type_v2",
    ),
    "a dotted name": (b"\x80\x04\x8c\x05torch\x8c\x0fos.path.os.name\x93.", "torch.os.path.os.name"),
    "an old class": (b"(S'x'\nios\nsystem\n.", "os.system"),
    "subprocess": (pickle.dumps(Calls(__import__("subprocess").Popen, ["touch", "m"]), 4), "subprocess.Popen"),
}


@pytest.mark.parametrize("container", [zipped, streamed])
@pytest.mark.parametrize(("pickled", "wanted"), HOSTILE.values(), ids=HOSTILE)
def test_what_a_hostile_file_wants_is_named_and_nothing_happens(
    container, pickled, wanted, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = container(tmp_path / "data.pt", pickled)
    with pytest.raises(UnsafePickle) as refused:
        read_torch(path, largest=LARGEST)
    assert refused.value.wanted == wanted
    assert wanted in refused.value.problem
    assert [each.name for each in tmp_path.iterdir()] == ["data.pt"]


def test_the_control_of_these_tests_fires(tmp_path: Path, monkeypatch) -> None:
    """The same opcodes do harm where nothing is restricted."""
    monkeypatch.chdir(tmp_path)
    pickle.loads(named("os", "system", "touch m"))
    assert (tmp_path / "m").exists()


def test_a_class_that_is_known_by_name_is_not_imported(tmp_path: Path) -> None:
    code = tmp_path / "models_code.py"
    code.write_text("raise SystemExit('imported')")
    assert importlib.util.find_spec("models.resnet") is None
    path = zipped(tmp_path / "data.pt", named("models.resnet", "ResNet", "x"))
    thing = read_torch(path, largest=LARGEST).content
    assert (thing.kind, thing.attributes) == ("models.resnet.ResNet", {})


BUILDS = {
    "a class": b"\x80\x02cmodels.resnet\nResNet\n}X\x04\x00\x00\x00kindX\x01\x00\x00\x00xsb.",
    "a function": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}X\x08\x00\x00\x00__call__Nsb.",
    "the dict": b"\x80\x02ccollections\nOrderedDict\nN}X\x06\x00\x00\x00updateNs\x86b.",
    "a type": b"\x80\x02ctorch\nFloatStorage\n}X\x01\x00\x00\x00xNsb.",
}


@pytest.mark.parametrize("pickled", BUILDS.values(), ids=BUILDS)
def test_no_stand_in_is_changed_for_the_next_file(pickled: bytes, tmp_path: Path) -> None:
    with pytest.raises(TornFile):
        read_torch(zipped(tmp_path / "data.pt", pickled), largest=LARGEST)
    good = tmp_path / "good.pt"
    torch.save({"a": torch.ones(2)}, good)
    file = read_torch(good, largest=LARGEST)
    assert torch.equal(file.tensor(file.content["a"]), torch.ones(2))


GREEDY = {
    "a memo of 4 billion": b"\x80\x02Nr\xff\xff\xff\xff.",
    "bytes that are not there": b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"x.",
    "a text that is not there": b"\x80\x02X\xff\xff\xff\x7fx.",
    "no end": b"\x80\x02NNN",
    "a key of a million tuples": b"\x80\x02})" + b"\x85" * 10**6 + b"Ns.",
    "nothing": b"",
    "an unknown opcode": b"\x80\x02\xff.",
    "an unknown reference": b"\x80\x02X\x01\x00\x00\x00xQ.",
}


@pytest.mark.parametrize("pickled", GREEDY.values(), ids=GREEDY)
def test_a_pickle_that_asks_for_more_than_it_brings_is_damaged(pickled: bytes, tmp_path: Path) -> None:
    with pytest.raises(TornFile, match=r"data\.pt") as torn:
        read_torch(zipped(tmp_path / "data.pt", pickled), largest=LARGEST)
    assert torn.value.remedy


def test_a_packed_record_is_refused(tmp_path: Path) -> None:
    """A zip of a few kilobytes can hold gigabytes of zeros; torch.save packs nothing."""
    path = tmp_path / "data.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}, 2))
        archive.writestr("archive/data/0", bytes(2**20))
    assert os.path.getsize(path) < 2**13
    with pytest.raises(TornFile, match="compressed"):
        read_torch(path, largest=LARGEST)
