"""What small runs of everything give, to be compared before and after a change of the code's structure.

    python -m tests.goldens.record FOLDER          # before, and after
    python -m tests.goldens.compare BEFORE AFTER

Names of products, which contain hashes of the code, are left out; so are seconds.
"""

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from tests.flows.test_equal_results import SECONDS, TIMED
from tests.goldens.contents import content_of

COMMANDS = ("run", "nightly", "nights", "show", "studies", "collect", "import", "export", "protect", "train-inpainter")


def record(folder: Path) -> None:
    """Write `products.json`, `summaries.json`, `presets.json` and `help.json`."""
    home = folder / "home"
    home.mkdir(parents=True)
    call = "from pathlib import Path; from tests.flows.whole_study import STUDIES, run_studies; "
    call += f"run_studies(Path({str(home)!r}), 'inline', 1, 1, list(STUDIES))"
    subprocess.run([sys.executable, "-c", call], check=True)
    write(folder / "products.json", products(home))
    write(folder / "summaries.json", {path.stem: strip(json.loads(path.read_text())) for path in home.glob("*.json")})
    write(folder / "presets.json", presets())
    write(folder / "help.json", {name: said(name, "--help") for name in COMMANDS})


def products(home: Path) -> dict[str, list[str]]:
    """By folder of the store, the contents of its files, without their names."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted((home / "store").rglob("*")):
        if path.is_file() and not path.name.endswith(".seconds.json"):
            found[path.relative_to(home / "store").parts[0]].append(content_of(path, home, TIMED, SECONDS))
    return {stage: sorted(contents) for stage, contents in found.items()}


def presets() -> dict[str, Any]:
    shown: dict[str, Any] = {}
    from flows.studies import STUDIES, as_json

    for study, kind in STUDIES.items():
        for preset, function in kind.preset_functions().items():
            shown[f"{study} {preset}"] = as_json(function())
    return shown


def said(*arguments: str) -> str:
    return subprocess.run([sys.executable, "-m", "flows", *arguments], capture_output=True, text=True).stdout


def strip(value: Any) -> Any:
    """Without seconds, paths and hashes of names."""
    if isinstance(value, list):
        return [strip(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {key: strip(each) for key, each in value.items() if key not in {*SECONDS, "path", "sha256", "references"}}


def write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1, sort_keys=True))


if __name__ == "__main__":
    record(Path(sys.argv[1]).absolute())
