"""A file system of a few megabytes, or one that cannot be written to: real ones, in a namespace of their own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]


@pytest.fixture
def on_mount(tmp_path: Path) -> Callable[..., str]:
    """Runs a Python script whose `sys.argv[1]` is a tmpfs with these mount options, and returns what it printed."""
    mount = tmp_path / "mount"
    mount.mkdir()
    allowed = [*NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", str(mount)]
    try:
        probe = subprocess.run(allowed, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("no `unshare` here to mount a small file system with")
    if probe.returncode:
        pytest.skip(f"this machine lets nobody mount a small file system: {probe.stderr.strip()}")

    def run(script: str, *options: str) -> str:
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
        mounts = f'mount -t tmpfs -o {",".join(options)} tmpfs "$1" && exec "$2" -c "$3" "$1"'
        command = [*NAMESPACE, "sh", "-c", mounts, "sh", str(mount), sys.executable, script]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
