import errno
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
import torch

from storage.errors import MissingFile, StorageFull, TornFile, WrongHash
from storage.files import Ref, publish, sha256, verify_ref
from storage.formats import publish_json, publish_tensors, read_json, read_tensors
from storage.places import child, parent
from storage.write_errors import write_errors


@pytest.fixture(params=["path", "file", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A local folder, the same as a URI, and a file system that is not local."""
    return {
        "path": str(tmp_path),
        "file": tmp_path.as_uri(),
        "memory": f"fsspec+memory:///{uuid4().hex}",
    }[request.param]


def test_json_round_trip_everywhere(place: str) -> None:
    value = {"name": "ä", "numbers": [1, 0.1, -0.0, 1e-310], "none": None}
    path = child(place, "folder/value.json")
    ref = publish_json(path, value)
    assert ref.path == path
    assert read_json(path) == value
    verify_ref(ref)


def test_equal_values_give_equal_hashes(tmp_path: Path) -> None:
    first, second = (publish_json(tmp_path / name, {"a": 1}) for name in ("one.json", "two.json"))
    assert first.sha256 == second.sha256


def test_tensors_keep_every_bit_and_may_share_memory(place: str) -> None:
    odd = torch.tensor([float("nan"), -0.0, float("inf"), 1e-45, 1 + 2**-23])
    tensors = {"odd": odd, "view": odd[1:3], "tied": odd, "empty": torch.empty(0), "turned": torch.randn(3, 2).T}
    path = child(place, "weights.safetensors")
    publish_tensors(path, tensors, {"epoch": "3"})
    found, metadata = read_tensors(path)
    assert metadata == {"epoch": "3"}
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].contiguous().numpy().tobytes() == tensor.contiguous().numpy().tobytes()


def test_failed_write_leaves_what_was_there(place: str) -> None:
    path = child(place, "value.json")
    ref = publish_json(path, "old")

    def write(local: Path) -> None:
        local.write_text("half")
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        publish(path, write)
    with pytest.raises(RuntimeError, match="refused"):
        publish(path, lambda local: local.write_text("bad"), check=_refuse)
    verify_ref(ref)


def _refuse(local: Path) -> None:
    assert local.read_text() == "bad"
    raise RuntimeError("refused")


def test_no_temporary_stays_behind(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        publish(tmp_path / "value", lambda local: (local.write_text("bad"), _refuse(local)))
    assert list(tmp_path.iterdir()) == []


def test_leftover_of_a_dead_writer_is_removed_and_of_a_living_one_kept(tmp_path: Path) -> None:
    dead = os.fork()
    if dead == 0:
        os._exit(0)
    os.waitpid(dead, 0)
    for process in (dead, os.getppid()):
        (tmp_path / f".value.json.tmp-{process}").write_text("half")
    publish_json(tmp_path / "value.json", 1)
    assert {path.name for path in tmp_path.iterdir()} == {"value.json", f".value.json.tmp-{os.getppid()}"}


def test_content_addressed_name(tmp_path: Path) -> None:
    ref = publish(tmp_path / "a.txt", lambda local: local.write_text("x"), addressed=True)
    assert Path(ref.path).name == f"a-{ref.sha256[:12]}.txt"
    assert sha256(ref.path) == ref.sha256


def test_ref_of_a_changed_or_missing_file(place: str) -> None:
    path = child(place, "value.json")
    ref = publish_json(path, 1)
    publish_json(path, 2)
    with pytest.raises(WrongHash, match="recorded"):
        verify_ref(ref)
    gone = child(place, "gone.json")
    for read in (read_json, read_tensors, sha256):
        with pytest.raises(MissingFile) as raised:
            read(gone)
        assert raised.value.path == gone


def test_torn_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "torn"
    path.write_text('{"a": ')
    with pytest.raises(TornFile, match="not JSON"):
        read_json(path)
    with pytest.raises(TornFile, match="not safetensors"):
        read_tensors(path)


def test_relative_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert publish_json("value.json", 1) == Ref(str(tmp_path / "value.json"), sha256(tmp_path / "value.json"))


def test_options_of_a_uri_stay_at_its_end() -> None:
    uri = child("s3://bucket/home?endpoint_override=localhost:9000", "a/b.json")
    assert uri == "s3://bucket/home/a/b.json?endpoint_override=localhost:9000"
    assert parent(uri) == "s3://bucket/home/a?endpoint_override=localhost:9000"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_says_how_much_to_free(code: int, tmp_path: Path) -> None:
    with pytest.raises(StorageFull) as raised, write_errors(tmp_path / "file", size=10**18):
        raise OSError(code, os.strerror(code))
    assert "1,000,000,000,000,000,000 bytes" in str(raised.value)
    assert "are free" in raised.value.remedy
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


def test_other_errors_pass_unchanged(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError), write_errors(tmp_path):
        tmp_path.write_text("")


FULL = """
import json, pathlib, sys, torch
from storage.errors import StorageFull
from storage.formats import publish_json, publish_tensors
home = pathlib.Path(sys.argv[1])
earlier = publish_json(home / "earlier.json", [1, 2])
try:
    publish_tensors(home / "big.safetensors", {"a": torch.zeros(2_000_000)}, {})
except StorageFull as error:
    print(json.dumps({"error": str(error), "files": sorted(p.name for p in home.iterdir())}))
"""


def test_really_full_disk(on_mount) -> None:
    found = json.loads(on_mount(FULL, "size=4m"))
    assert found["files"] == ["earlier.json"]
    assert "8,000,000 bytes" in found["error"]
    assert "big.safetensors" in found["error"]


READ_ONLY = """
import pathlib, sys
from storage.errors import ReadOnlyHome
from storage.formats import publish_json
from storage.lock import home_lock
home = pathlib.Path(sys.argv[1])
for folder in (home, home / "new"):
    try:
        publish_json(folder / "value.json", 1)
    except ReadOnlyHome as error:
        print(error)
try:
    with home_lock(home):
        pass
except ReadOnlyHome as error:
    print(error)
"""


def test_really_read_only_folder(on_mount) -> None:
    assert on_mount(READ_ONLY, "ro").count("choose another home") == 3


SAVED = """
import hashlib, sys, torch
from pathlib import Path
from storage.formats import publish_tensors, read_tensors
told = {name: "é \\" \\\\ / \\n \\x01 \\x7f \\u2028 " + name for name in sys.argv[2]}
path = Path(sys.argv[1]) / "saved.safetensors"
ref = publish_tensors(path, {"b": torch.arange(3), "a": torch.ones(2, 5)}, told)
tensors, found = read_tensors(path)
assert found == told and tensors["b"].tolist() == [0, 1, 2] and tensors["a"].sum() == 10
print(ref.sha256, hashlib.sha256(path.read_bytes()).hexdigest() == ref.sha256)
"""


def test_equal_tensors_and_metadata_give_equal_bytes(tmp_path):
    """safetensors itself orders metadata anew in every process, and hashes of products are in later keys."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    said = set()
    for names in ("abcdef", "fedcba", "abcdef"):
        command = [sys.executable, "-c", SAVED, str(tmp_path), names]
        said.add(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert len(said) == 1
    assert said.pop().endswith(" True\n")
