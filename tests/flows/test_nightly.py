"""The nightly on the real stack, in a home of its own: everything that it leaves behind."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from mlflow.tracking import MlflowClient

from flows.nightly import ROTATING_SEED, rotating_seed, tonight
from flows.studies import STUDIES, resolve
from methods.errors import BadSetting
from storage.tracking.runs import tracking_uri
from storage.verification import verify

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1800)]

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "summary.schema.json").read_text())
SEED = 20260131
TAKING_PART = {name for name, kind in STUDIES.items() if kind.configuration.networks_a_night}

NIGHT = """
import sys
from pathlib import Path
from flows.prefect_home import prepare
home = Path(sys.argv[1])
prepare(home)
from flows.nightly import nightly
from flows.runner import RunOptions
small = sys.argv[3:]
cells = 'cells=[{"varied": "base", "value": "as it is"}, {"varied": "n", "value": "5", "changes": ["samples=5"]}]'
attacks = 'attacks=[{"attack": {"kind": "fgsm"}}, {"attack": {"kind": "pgd", "steps": 3}, "targeted": true}]'
few = [attacks, "images=6", "block=4", "masking_images=null"]
base = [f"base.{each}" for each in small]
brief = ["recipient.epochs=1", "fine_tuning.training.epochs=1", "fine_tuning.models=2", "alignment.images=20"]
settings = {"parameter_diffusion": small, "ablations": [cells, *base], "robustness": [*few, *base]}
settings["transplant"] = [*brief, *base]
settings["image_protection"] = ["variants=[]", "transforms=[]", "images=1"]
few = ["data.train_limit=100", "data.test_limit=40", "metamers.n=10", "images=6", "shift_epochs=1"]
settings["invertibility"] = few
nightly("smoke", settings, options=RunOptions(home=str(home), fresh=sys.argv[2] == "fresh"))
"""


ADDRESS = re.compile(
    r"""<(?:script|img|link|iframe|source)\b[^>]*?\b(?:src|href)\s*=\s*["']?([^"' >]+)""", re.IGNORECASE
)


def loaded_from_elsewhere(address: str) -> bool:
    """Whether a page that refers to this address needs another file, or a network."""
    return not address.startswith(("data:", "#"))


def test_addresses_on_a_page() -> None:
    page = '<img alt="a" src="figures/a.png"><script src=https://x.org/y.js></script><link rel=icon href="data:,">'
    assert ADDRESS.findall(page) == ["figures/a.png", "https://x.org/y.js", "data:,"]
    assert [loaded_from_elsewhere(each) for each in ADDRESS.findall(page)] == [True, True, False]


def products(home: Path) -> dict[Path, tuple[int, int]]:
    """Committed files by inode and time of change; the commit of a set is written again with equal bytes."""
    found = [path for path in (home / "store").rglob("*") if path.is_file() and path.name != "entry.json"]
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def test_seeds_of_a_night() -> None:
    """Of two networks one is fixed, and so is `seed`; a study of one network, or of photographs, rotates as a whole."""
    assert rotating_seed(datetime(2026, 1, 31, 23, 59, tzinfo=UTC)) == SEED
    for name, study in tonight("smoke", {}, SEED).items():
        if study.networks_a_night == 2:
            assert study.seeds == (SEED, 0)
            assert study.seed == resolve(name, "smoke").seed
        else:
            assert getattr(study, "seeds", (SEED,)) == (SEED,)
            assert study.seed == SEED
    assert set(tonight("smoke", {}, 1)) == TAKING_PART
    assert tonight("smoke", {"parameter_diffusion": ["samples=3"]}, 1)["parameter_diffusion"].samples == 3
    with pytest.raises(BadSetting, match="rotating seed"):
        tonight("smoke", {}, 0)


def test_a_night(prefect_server, tmp_path: Path) -> None:
    home = tmp_path / "home"
    script = tmp_path / "night.py"
    script.write_text(NIGHT)

    def night(options: str) -> Path:
        done = prefect_server.script(script, home, options, *prefect_server.settings())
        assert done.returncode == 0, done.stdout
        return (home / "runs" / "latest").resolve()

    first = night("usual")
    complete(home, first)
    committed = products(home)
    second = night("usual")
    assert second != first
    assert products(home) == committed
    told = [json.loads((folder / "parameter_diffusion" / "summary.json").read_text()) for folder in (first, second)]
    assert told[0]["generated"] == told[1]["generated"]
    third = night("fresh")
    assert third not in (first, second)
    after = products(home)
    assert committed.items() <= after.items()
    assert len(after) == 2 * len(committed)


def complete(home: Path, folder: Path) -> None:
    """Summaries as the schema wants them, pages that need nothing else, the MLflow entries, and whole snapshots."""
    validator = Draft202012Validator(SCHEMA)
    summary = json.loads((folder / "summary.json").read_text())
    assert list(validator.iter_errors(summary)) == []
    assert summary["study"] == "nightly"
    assert {name: each["state"] for name, each in summary["studies"].items()} == dict.fromkeys(TAKING_PART, "completed")
    cells = json.loads((folder / "ablations" / "summary.json").read_text())
    assert list(validator.iter_errors(cells)) == []
    assert [cell["generated"]["n"] for cell in cells["cells"]] == [4, 5]
    attacked = json.loads((folder / "robustness" / "summary.json").read_text())
    assert list(validator.iter_errors(attacked)) == []
    assert attacked["models"]["distilled"]["attacks"].keys() == {"fgsm_linf", "pgd_linf_targeted"}
    moved = json.loads((folder / "transplant" / "summary.json").read_text())
    assert list(validator.iter_errors(moved)) == []
    assert moved["transplants"]["badnets"]["generated"]["aligned"]["n"] == 8  # of two networks
    protected = json.loads((folder / "image_protection" / "summary.json").read_text())
    assert list(validator.iter_errors(protected)) == []
    assert protected["methods"]["runtime_pgd"]["n"] == 1
    inverted = json.loads((folder / "invertibility" / "summary.json").read_text())
    assert list(validator.iter_errors(inverted)) == []
    assert inverted["losses"]["ice"]["metamers"]["n"] == 10
    study = folder / "parameter_diffusion"
    inner = json.loads((study / "summary.json").read_text())
    assert list(validator.iter_errors(inner)) == []
    assert set(inner["per_seed"]) == {"0", str(ROTATING_SEED)}
    assert inner["rotating_seed"] == summary["rotating_seed"] == ROTATING_SEED
    assert {path.name for path in study.iterdir()} >= {"config.json", "details.json", "report.html", "figures"}
    for page in (folder / "report.html", study / "report.html"):
        assert not [address for address in ADDRESS.findall(page.read_text()) if loaded_from_elsewhere(address)]
    for snapshots in (home / "store" / "snapshots").iterdir():
        verify(snapshots).raise_first()
    client = MlflowClient(tracking_uri(home))
    experiment = client.get_experiment_by_name("parameter_diffusion")
    runs = client.search_runs([experiment.experiment_id])
    (parent,) = (run for run in runs if run.data.tags.get("run_id") == inner["run_id"])
    assert parent.data.tags["nightly"] == summary["run_id"]
    assert parent.data.tags["rotating_seed"] == str(ROTATING_SEED)
    for role, seed in {"0": "0", "rotating": str(ROTATING_SEED)}.items():
        mean = inner["per_seed"][seed]["generated"]["latent_ddpm"]["mean"]
        assert parent.data.metrics[f"per_seed/{role}/generated/latent_ddpm/mean"] == mean
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert {run.info.run_name for run in children} >= set(inner["generated"])
    assert len(children) < 30
