"""The command line: what it shows, and the one message that it gives for a mistake before anything has started."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flows.cli import main as cli
from flows.studies import STUDIES, as_json, resolve


def weightsmith(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli.main, [str(each) for each in arguments])


COMMANDS = {name: cli.main.get_command(None, name) for name in cli.COMMANDS}


@pytest.mark.parametrize("name", [name for name, command in COMMANDS.items() if command.epilog])
def test_help_has_examples_that_are_commands(name: str) -> None:
    shown = weightsmith(name, "--help")
    assert shown.exit_code == 0
    examples = shown.output.partition("Examples:\n")[2].strip().splitlines()
    assert examples
    for example in examples:
        program, command, *arguments = example.split()
        assert (program, command) == ("weightsmith", name)
        context = COMMANDS[name].make_context(name, arguments)
        if "study" in context.params:
            changes = context.params["changes"]
            assert resolve(context.params["study"], context.params["preset"], changes)


def test_every_command_says_what_it_does() -> None:
    shown = weightsmith("--help").output
    for name, command in COMMANDS.items():
        assert command.help
        assert f"  {name} " in shown
        assert command.name == name


MISTAKES = {
    "misspelt field": (["--set", "sampels=3"], ["'sampels'", "'3'", "did you mean 'samples'?", "seeds"]),
    "misspelt below": (["--set", "strategy.first.epoch=3"], ["'strategy.first.epoch'", "'epochs'?", "learning_rate"]),
    "no such group": (["--set", "strateg.rows=3"], ["'strateg'", "did you mean 'strategy'?"]),
    "too deep": (["--set", "samples.more=3"], ["'samples'", "'3'"]),
    "too small": (["--set", "samples=1"], ["samples = 1:", "greater than or equal to 2"]),
    "too large": (["--set", "data.validation=0.9"], ["data.validation = 0.9:", "less than or equal to 0.5"]),
    "wrong type": (["--set", "network.width=wide"], ['network.width = "wide":', "integer"]),
    "not whole": (["--set", "samples=8.5"], ["samples = 8.5:", "integer"]),
    "one of": (["--set", "resources.device=tpu"], ['resources.device = "tpu":', "'cpu', 'cuda' or 'mps'"]),
    "in a list": (["--set", "seeds=[0,-1]"], ["seeds.1 = -1:", "greater than or equal to 0"]),
    "empty list": (["--set", "strategy.keep=[]"], ["strategy.keep = []:", "at least 1 item"]),
    "no value": (["--set", "samples"], ["'samples'", "--set path.to.field=value"]),
    "no such kind": (["--set", "network.kind=resnet"], ["resnet", "'cifar_resnet', 'conv_net', 'torchvision'"]),
    "fields of another kind": (
        ["--set", "network.kind=conv_net"],
        ["network.depth = 18: conv_net has no such field", """--set 'network={"kind": "conv_net"}'"""],
    ),
    "field of a whole group": (
        ["--set", 'network={"kind": "conv_net", "widht": 2}'],
        ["network.widht = 2: conv_net has no such field"],
    ),
    "missing in a whole group": (["--set", 'strategy={"kind": "last_phase"}'], ["strategy.first is missing"]),
    "two at once": (["--set", "samples=1", "--set", "network.width=0"], ["samples = 1:", "network.width = 0:"]),
    "unknown preset": (["--preset", "digit"], ["preset of parameter_diffusion 'digit'", "'digits'?", "smoke"]),
}


@pytest.mark.parametrize(("arguments", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_message_and_nothing_starts(arguments: list[str], words: list[str], tmp_path: Path) -> None:
    preset = [] if "--preset" in arguments else ["--preset", "smoke"]
    done = weightsmith("run", "parameter_diffusion", *preset, *arguments, "--home", tmp_path / "home")
    assert done.exit_code == 2
    assert isinstance(done.exception, SystemExit)
    assert done.output.startswith("error: ")
    assert done.output.count("error: ") == 1
    assert len(done.output.splitlines()) <= 4
    for word in words:
        assert word in done.output
    assert list(tmp_path.iterdir()) == []


def test_what_follows_from_a_mistake_is_not_told_as_well() -> None:
    """A list whose only item is wrong counts as empty, too."""
    done = weightsmith("show", "parameter_diffusion", "--preset", "smoke", "--set", "seeds=[-1]")
    problem, remedy = done.output.splitlines()
    assert problem.startswith("error: seeds.0 = -1:")
    assert "weightsmith show parameter_diffusion --preset smoke" in remedy


def test_unknown_study_and_seed(tmp_path: Path) -> None:
    done = weightsmith("run", "parameter_difusion", "--home", tmp_path / "home")
    assert done.exit_code == 2
    assert "did you mean 'parameter_diffusion'?" in done.output
    assert weightsmith("run", "parameter_diffusion", "--seed", "-1").exit_code == 2
    done = weightsmith("nightly", "--preset", "digit", "--home", tmp_path / "home")
    assert done.exit_code == 2
    assert "did you mean 'digits'?" in done.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("study", STUDIES)
def test_shown_configurations_are_valid_again(study: str) -> None:
    for preset in STUDIES[study].preset_functions():
        shown = json.loads(weightsmith("show", study, "--preset", preset, "--seed", "7").output)
        assert shown["seed"] == 7
        again = resolve(study, preset, [f"{name}={json.dumps(value)}" for name, value in shown.items()])
        assert again == resolve(study, preset, seed=7)
        assert as_json(again) == shown


def test_changes_arrive() -> None:
    changes = ["--set", "strategy.rows=30", "--set", "data.source=parquet:some/where", "--set", "seeds=[3, 4]"]
    shown = json.loads(weightsmith("show", "parameter_diffusion", "--preset", "smoke", *changes).output)
    assert shown["strategy"]["rows"] == 30
    assert shown["data"]["source"] == "parquet:some/where"
    assert shown["seeds"] == [3, 4]
    whole = 'network={"kind": "conv_net"}'
    shown = json.loads(weightsmith("show", "parameter_diffusion", "--preset", "smoke", "--set", whole).output)
    assert shown["network"]["kind"] == "conv_net"


def test_studies_are_listed_with_their_presets() -> None:
    shown = weightsmith("studies").output
    for study, kind in STUDIES.items():
        assert study in shown
        for preset in kind.preset_functions():
            assert f"  {preset} " in shown


def test_verify_says_what_is_not_there(tmp_path: Path) -> None:
    done = weightsmith("verify", tmp_path)
    assert done.exit_code == 1
    assert str(tmp_path) in done.output
    assert "no committed snapshot set" in done.output


@pytest.mark.stack
@pytest.mark.timeout(600)
def test_looking_at_a_finished_run(finished, copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert str(finished.folder / "report.html") in finished.output
    (snapshots,) = (copied / "store" / "snapshots").iterdir()
    done = weightsmith("verify", snapshots)
    assert done.exit_code == 0, done.output
    assert "damaged" not in done.output
    assert done.output.count("ok ") == 2
    (snapshots / "stray").touch()
    assert "stray    stray" in weightsmith("verify", snapshots).output
    folder = (copied / "runs" / "latest").resolve()
    page = (folder / "report.html").read_text()
    (folder / "report.html").unlink()
    shutil.rmtree(folder / "figures")
    monkeypatch.setenv("WEIGHTSMITH_HOME", str(copied))
    done = weightsmith("report")
    assert done.exit_code == 0, done.output
    assert "latent_ddpm" in done.output
    assert (folder / "report.html").read_text() == page
    assert weightsmith("report", folder).exit_code == 0
    done = weightsmith("report", copied / "runs" / "none")
    assert done.exit_code == 1
    assert "none" in done.output
