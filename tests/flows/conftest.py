"""The real command line in processes of its own, a Prefect server, and one finished run that several tests look at."""

import contextlib
import dataclasses
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tasks.runtime.cluster import LINKS

CHECKOUT = Path(__file__).parents[2]
SMALL = {
    "data.train_limit": "120",
    "data.test_limit": "40",
    "network.width": "1",
    "strategy.first.epochs": "1",
    "strategy.then.epochs": "12",
    "strategy.rows": "12",
    "generator.autoencoding.steps": "5",
    "generator.diffusion.steps": "5",
    "generator.gates.overfit_mse": "1000",
    "generator.gates.variance_kept": "-1000",
    "generator.gates.accuracy_margin": "1",
    "generator.gates.latent_scale": "1000",
    "samples": "4",
}
"""Less than the smoke preset: what takes time is the start of Prefect and Ray."""


@dataclasses.dataclass(frozen=True)
class CommandLine:
    """`weightsmith` with a clean environment; a process that is started here ends with the test."""

    variables: dict[str, str]
    folder: Path
    started: list[psutil.Process] = dataclasses.field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        foreign = ("PREFECT_", "RAY_", "MLFLOW_", "WEIGHTSMITH_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        return {**kept, "PYTHONPATH": str(CHECKOUT), "OMP_NUM_THREADS": "1", **self.variables}

    def study(self, home: Path, **changes: str) -> list[str]:
        """Arguments of a small run."""
        settings = [part for setting in self.settings(**changes) for part in ("--set", setting)]
        return ["run", "parameter_diffusion", "--preset", "smoke", "--home", str(home), *settings]

    def settings(self, **changes: str) -> list[str]:
        """What makes a run small; in `changes`, two underscores stand for a dot."""
        values = SMALL | {name.replace("__", "."): value for name, value in changes.items()}
        return [f"{name}={value}" for name, value in values.items()]

    def weightsmith(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return self.run("flows", *arguments)

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """From a working directory of its own; what the command wrote is in `stdout`, errors included."""
        return self.script("-m", *arguments)

    def script(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Python with these arguments."""
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            env=self.environment,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def start(self, *arguments: str, log: Path) -> psutil.Process:
        """Like `run`, but does not wait; the output is appended to `log`."""
        return self.start_script("-m", *arguments, log=log)

    def start_script(self, *arguments: str, log: Path) -> psutil.Process:
        """Like `script`, but does not wait; the output is appended to `log`."""
        with log.open("a") as stream:
            process = psutil.Popen(
                [sys.executable, *arguments], env=self.environment, stdout=stream, stderr=stream, cwd=self.folder
            )
        self.started.append(process)
        return process

    def end(self) -> None:
        """Ends, by process id, everything that `start` has started and what that has started in turn."""
        for process in self.started:
            if process.is_running():
                family = [process, *process.children(recursive=True)]
                for member in family:
                    member.terminate()
                for member in psutil.wait_procs(family, timeout=20)[1]:
                    member.kill()


@dataclasses.dataclass(frozen=True)
class Finished:
    """A completed run: its home, its folder, and what the command line showed."""

    home: Path
    folder: Path
    output: str


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[CommandLine]:
    """A command line that starts what it needs for itself. What a killed run leaves ends with the test."""
    line = CommandLine({}, tmp_path)
    yield line
    line.end()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("PREFECT_HOME", "").startswith(str(tmp_path)):
                process.terminate()
    for link in LINKS.glob("ws-*"):
        if str(tmp_path) in str(link.resolve()):
            link.unlink(missing_ok=True)


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """A command line whose runs report to a Prefect server on this machine."""
    folder = tmp_path_factory.mktemp("prefect")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    line = CommandLine(
        {
            "PREFECT_HOME": str(folder),
            "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_UI_ENABLED": "false",
            "DO_NOT_TRACK": "1",
        },
        folder,
    )
    log = folder / "server.log"
    server = line.start("prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port), log=log)
    try:
        until(lambda: answers(port), 180, lambda: f"no Prefect server: {log.read_text()}", server)
        yield line
    finally:
        line.end()


def answers(port: int) -> bool:
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=5).status == 200
    except OSError:
        return False


def until(
    condition: Callable[[], object], seconds: float, failure: Callable[[], str], process: psutil.Process | None = None
) -> None:
    """Waits for the condition; fails after so many seconds, or when `process` has ended without it."""
    deadline = time.monotonic() + seconds
    while not condition():
        ended = process is not None and process.poll() is not None
        if (ended and not condition()) or time.monotonic() > deadline:
            pytest.fail(failure())
        time.sleep(0.01)


@pytest.fixture(name="until")
def waiting() -> Callable[..., None]:
    return until


@pytest.fixture(scope="session")
def finished(prefect_server: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Shared: nobody may change it."""
    home = tmp_path_factory.mktemp("finished") / "home"
    done = prefect_server.weightsmith(*prefect_server.study(home))
    assert done.returncode == 0, done.stdout
    return Finished(home, (home / "runs" / "latest").resolve(), done.stdout)


@pytest.fixture
def copied(finished: Finished, tmp_path: Path) -> Path:
    """A copy of the finished run's home, free to be damaged. Products keep their names: no key contains a path."""
    home = tmp_path / "home"
    shutil.copytree(finished.home, home, symlinks=True, ignore=shutil.ignore_patterns("prefect"))
    return home


@pytest.fixture
def as_summary(run_files) -> Callable[..., dict[str, Any]]:
    """A study's part of `summary.json` as it lies in a run's folder, beside what every run tells of itself."""

    def make(study: str, summary: dict[str, Any]) -> dict[str, Any]:
        common = ("run_id", "seed", "started", "seconds", "stages", "environment", "config_hash", "state", "error")
        kept = {key: run_files["summary"][key] for key in common}
        return json.loads(json.dumps({"study": study, "preset": "smoke"} | kept | summary))

    return make
