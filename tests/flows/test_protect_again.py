"""`protect` a second time: what was made by the same is found, whatever ended the first one; all else is made anew."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.flows.protecting import BOX, SIZE, image, inpainter, protect, region, written

__all__ = ["image", "inpainter"]  # fixtures

NAMES = ("a", "b", "c")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for seed, name in enumerate(NAMES):
        pixels = np.random.default_rng(seed).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(pictures / f"{name}.png")
    return pictures


def made(tmp_path: Path, *arguments: object) -> set[str]:
    """Runs the command; the names of the images whose PNG and JSON were written."""
    out = tmp_path / "out"
    before = {path: path.stat().st_mtime_ns for path in out.glob("*")}
    done = protect(tmp_path, *arguments, "--iterations", 1, "-o", out)
    assert done.exit_code == 0, done.output
    after = {path: path.stat().st_mtime_ns for path in out.glob("*")}
    told = [json.loads((out / f"{name}.json").read_text()) for name in NAMES]
    assert all(each["output"] in done.stdout for each in told)
    changed = {path.name for path, time in after.items() if before.get(path) != time}
    names = {name for name in NAMES if {f"{name}.png", f"{name}.json"} & changed}
    assert changed == {name + suffix for name in names for suffix in (".png", ".json", ".sheet.png")}
    found = [line for line in done.stdout.splitlines() if line.rstrip().endswith(" found")]
    assert len(found) == len(NAMES) - len(names)
    return names


def test_what_is_there_is_found_and_what_differs_is_made_anew(tmp_path: Path, folder: Path, inpainter: Path) -> None:
    order = (folder, "--box", ",".join(map(str, BOX)), "--inpainter", inpainter)
    assert made(tmp_path, *order) == {*NAMES}
    assert made(tmp_path, *order) == set()
    masks = tmp_path / "masks"
    masks.mkdir()
    for name in NAMES:
        written(masks / f"{name}.png", region(*BOX))
    masked = (folder, "--mask", masks, "--inpainter", inpainter)
    assert made(tmp_path, *masked) == set()  # the same region
    written(masks / "b.png", region(10, 16, 8, 6))
    assert made(tmp_path, *masked) == {"b"}
    shutil.copy(folder / "a.png", folder / "c.png")
    assert made(tmp_path, *masked) == {"c"}
    for setting in (("--epsilon", "8/255"), ("--seed", 1), ("--method", "faithful"), ("--through", "jpeg")):
        assert made(tmp_path, *masked, *setting) == {*NAMES}
        assert made(tmp_path, *masked, *setting) == set()
    assert made(tmp_path, *masked) == {*NAMES}
    out = tmp_path / "out"
    shutil.copy(out / "a.png", out / "b.png")  # no longer what its JSON file is about
    (out / "c.json").write_text("{")
    assert made(tmp_path, *masked) == {"b", "c"}
    other = inpainter.read_bytes()
    inpainter.write_bytes(other[:-1] + bytes([other[-1] ^ 1]))
    assert made(tmp_path, *masked) == {*NAMES}


def test_an_image_on_its_own_is_found_too(tmp_path: Path, image: Path, inpainter: Path) -> None:
    out = tmp_path / "one.png"
    order = (image, "--box", "20,16,8,6", "--inpainter", inpainter, "--iterations", 1, "-o", out)
    assert "found" not in protect(tmp_path, *order).stdout
    content, time = out.read_bytes(), out.stat().st_mtime_ns
    assert "found" in protect(tmp_path, *order).stdout
    assert out.stat().st_mtime_ns == time
    out.unlink()
    assert "found" not in protect(tmp_path, *order).stdout
    assert out.read_bytes() == content


KILLED = """
import os, signal, sys
import tasks.protection.protected_files as keeping
from flows.cli.main import main
publish_json, done = keeping.publish_json, []
def second_is_the_last(*arguments):
    if done:
        os.kill(os.getpid(), signal.SIGKILL)
    done.append(publish_json(*arguments))
keeping.publish_json = second_is_the_last
main(sys.argv[1:])
"""


def test_a_killed_run_loses_the_image_that_it_was_at(tmp_path: Path, folder: Path, inpainter: Path) -> None:
    order = (folder, "--box", "20,16,8,6", "--inpainter", inpainter)
    rest = ("--iterations", 1, "--expansion", 2, "--home", tmp_path / "home", "-o", tmp_path / "out")
    command = [sys.executable, "-c", KILLED, "protect", *map(str, (*order, *rest))]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}, check=False)
    assert done.returncode == -signal.SIGKILL
    out = tmp_path / "out"
    assert (out / "b.png").exists()
    assert [path.name for path in out.glob("*.json")] == ["a.json"]
    assert made(tmp_path, *order) == {"b", "c"}


FULL = """
import pathlib, sys
from click.testing import CliRunner
from flows.cli.main import main
out = pathlib.Path(sys.argv[1])
scratch = out.parent
def protect(given):
    order = [str(given), "--box", "20,16,8,6", "--inpainter", str(scratch / "own.safetensors"), "--iterations", "1"]
    return CliRunner().invoke(main, ["protect", *order, "--expansion", "2", "--home", str(scratch / "home"), "-o", *TO])
TO = [str(out / "a.png")]
assert protect(scratch / "pictures" / "a.png").exit_code == 0
(out / "filler").write_bytes(bytes(8_000_000 - sum(path.stat().st_size for path in out.iterdir()) - 400_000))
try:
    (out / "rest").write_bytes(bytes(800_000))
except OSError:
    pass
TO = [str(out)]
done = protect(scratch / "pictures")
assert done.exit_code == 1, done.output
assert "no space left" in done.stderr and "goes on from there" in done.stderr, done.stderr
assert {path.name for path in out.iterdir()} == {"a.png", "a.json", "a.sheet.png", "filler", "rest"}
(out / "filler").unlink()
(out / "rest").unlink()
done = protect(scratch / "pictures")
print(done.exit_code, done.stdout.count("found"), len(list(out.iterdir())))
"""


def test_a_full_disk_keeps_what_was_made(on_mount, tmp_path: Path, folder: Path, inpainter: Path) -> None:
    assert on_mount(FULL, "size=8m").split() == ["0", "1", "9"]
