"""Every benchmark of this folder, each in a process of its own on one thread: a table, and `bench.json`.

Run from the checkout: `python -m tests.benches`, or with the keys to measure. A benchmark is a file `bench_*.py` with
`KEY`, `measure()` and `TINY`, arguments of `measure` with which a test runs it in seconds. Keys that are not measured
this time keep their last entry in `bench.json`.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def benchmarks() -> dict[str, Path]:
    """Key of every benchmark and its file."""
    loaded = {path: load(path) for path in sorted(HERE.glob("bench_*.py"))}
    return {module.KEY: path for path, module in loaded.items() if hasattr(module, "KEY")}


def measure_apart(path: Path) -> dict[str, object]:
    """What `measure()` of that file returns, from a fresh process; its last line of output is the result."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(HERE / "__main__.py"), "--file", str(path)]
    done = subprocess.run(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the benchmarks and write bench.json.")
    parser.add_argument("keys", nargs="*", help="keys to measure; all of them if none is given")
    parser.add_argument("--file", type=Path, help="measure this file in this process and print the result as JSON")
    asked = parser.parse_args()
    if asked.file:
        print(json.dumps(load(asked.file).measure()))
        return
    found = benchmarks()
    unknown = set(asked.keys) - set(found)
    if unknown:
        parser.error(f"no benchmark called {sorted(unknown)}; there are {sorted(found)}")
    written = ROOT / "bench.json"
    results = json.loads(written.read_text()) if written.exists() else {}
    table = Table("benchmark", "ratio", "target", "ours, s", "theirs, s", "note")
    for key in asked.keys or found:
        result = results[key] = measure_apart(found[key])
        numbers = [f"{result[name]:.4g}" for name in ("ratio", "target", "ours_seconds", "theirs_seconds")]
        table.add_row(key, *numbers, str(result["note"]))
        written.write_text(json.dumps(results, indent=2) + "\n")
    Console().print(table)


if __name__ == "__main__":
    main()
