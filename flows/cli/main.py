"""The command line: each command lies in a module that is imported when the command is called, or asked for help."""

import importlib
import importlib.metadata

import click

COMMANDS = {
    "run": ("runs", "Run STUDY, or resume it where an earlier run was interrupted."),
    "nightly": ("runs", "Run every study that takes part in the nightly."),
    "nights": ("nights", "Run the nights of a range of dates, and compare them."),
    "collect": ("collect", "Collect snapshots of many networks into one set per layout."),
    "studies": ("runs", "List the studies and their presets."),
    "show": ("runs", "Print the whole configuration of a preset of STUDY as JSON."),
    "report": ("runs", "Build the page of a run again, and print its table."),
    "protect": ("protect", "Protect a region of photographs against inpainting."),
    "train-inpainter": ("inpainter", "Train an inpainter on photographs."),
    "import": ("exchange", "Import parameters that other programs have written."),
    "export": ("exchange", "Export models for other programs."),
    "log": ("log", "Send runs to MLflow that could not be sent when they ended."),
    "ui": ("maintenance", "Open MLflow on the home folder."),
    "verify": ("maintenance", "Check every hash of a snapshot set."),
    "doctor": ("maintenance", "Check versions, devices, Ray, Prefect, MLflow, data and disk."),
}
"""By name, the module of the command and its line in `weightsmith --help`."""


class Commands(click.Group):
    """A group that imports no command to list it."""

    def list_commands(self, _: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"flows.cli.{COMMANDS[name][0]}")
        found = (each for each in vars(module).values() if isinstance(each, click.Command) and each.name == name)
        return next(found)

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(importlib.metadata.version("weightsmith"))
def main() -> None:
    """Generates neural-network weights with diffusion models and benchmarks them."""
