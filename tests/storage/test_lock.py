import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from storage.errors import HomeBusy
from storage.lock import folder_turn, home_lock

HOLD = """
import pathlib, sys
from storage.lock import home_lock
with home_lock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path):
    """Another process that holds the home `tmp_path / "home"` until it is ended."""
    checkout = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "home")],
        env={**os.environ, "PYTHONPATH": str(checkout)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_second_run_is_told_who_holds_the_home(tmp_path: Path, holder: subprocess.Popen) -> None:
    with pytest.raises(HomeBusy, match="another home") as raised, home_lock(tmp_path / "home"):
        pass
    assert raised.value.pid == holder.pid
    assert raised.value.since in str(raised.value)


def test_killed_holder_frees_the_home(tmp_path: Path, holder: subprocess.Popen) -> None:
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with home_lock(tmp_path / "home"):
        assert json.loads((tmp_path / "home" / "lock").read_text())["pid"] == os.getpid()


def test_freed_at_the_end_and_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), home_lock(tmp_path):
        raise RuntimeError
    with home_lock(tmp_path), pytest.raises(HomeBusy), home_lock(tmp_path):
        pass
    with home_lock(tmp_path):
        pass


def test_holder_that_has_not_written_its_name_yet(tmp_path: Path) -> None:
    with home_lock(tmp_path):
        (tmp_path / "lock").write_text("")
        with pytest.raises(HomeBusy, match="unknown") as raised, home_lock(tmp_path):
            pass
    assert raised.value.pid == 0


TURN = """
import pathlib, sys
from storage.lock import folder_turn
with folder_turn(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_writers_of_one_folder_take_turns_and_leave_nothing_there(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", TURN, str(folder)]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        handle = os.open(folder, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(handle)
        other.send_signal(signal.SIGKILL)
        with folder_turn(folder):  # as soon as the kernel has freed it
            assert list(folder.iterdir()) == []
