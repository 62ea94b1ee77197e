"""Progress: bars on a terminal, lines in a log, and an artifact in Prefect."""

import contextlib
import time
from collections.abc import Iterator
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.context import FlowRunContext
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

STAGES = ("data", "train", "collect", "fit", "sample", "match", "evaluate", "audit")
"""In the order in which studies go through them; the share of stages done is the progress that Prefect shows."""
LOG_SECONDS = 10.0
ARTIFACT_SECONDS = 5.0

console = Console(stderr=True)


class Display:
    """Hears of stages and steps, keeps the seconds of each stage, and shows both."""

    def __init__(self, title: str, bars: Progress) -> None:
        self.title, self.bars = title, bars
        self.seconds: dict[str, float] = {}
        self.rows: dict[tuple[str, str], TaskID] = {}
        self.logged = self.updated = 0.0
        self.artifact: UUID | None = None
        if FlowRunContext.get() is not None:
            key = f"{title.split()[0]}-progress".replace("_", "-")
            with self._prefect():
                self.artifact = create_progress_artifact(progress=0.0, key=key, description=title)  # type: ignore[assignment]

    @contextlib.contextmanager
    def stage(self, name: str, jobs: int, committed: int) -> Iterator[None]:
        began = time.monotonic()
        note = f", {committed} of {jobs} committed earlier" if committed else ""
        if not console.is_terminal:
            console.print(f"{self.title}: {name}{note}", highlight=False)
        total = self.bars.add_task(f"[bold]{name}[/]{note}", total=None)
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - began
            for row in (total, *self.rows.values()):
                self.bars.remove_task(row)
            self.rows.clear()
        self._tell_prefect((STAGES.index(name) + 1) / len(STAGES) if name in STAGES else 1.0, at_once=True)
        console.print(f"  {name:<10}{self.seconds[name]:7.1f} s{note}", highlight=False)

    def __call__(self, stage: str, label: str, done: int, total: int, /) -> None:
        if (row := self.rows.get((stage, label))) is None:
            row = self.rows[stage, label] = self.bars.add_task(f"  {stage} · {label}", total=total)
        self.bars.update(row, completed=done, total=total)
        if done >= total:
            self.bars.update(row, visible=False)
        now = time.monotonic()
        if not console.is_terminal and now - self.logged > LOG_SECONDS:
            self.logged = now
            left = self.bars.tasks[self.bars.task_ids.index(row)].time_remaining
            rest = "" if left is None else f", about {left:.0f} s left"
            console.print(f"  {stage} · {label}: {done}/{total}{rest}", highlight=False)
        begun = min(len(self.seconds), len(STAGES) - 1)
        self._tell_prefect((begun + done / max(total, 1)) / len(STAGES))

    def _tell_prefect(self, share: float, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if self.artifact is not None and (at_once or now - self.updated > ARTIFACT_SECONDS):
            self.updated = now
            with self._prefect():
                update_progress_artifact(artifact_id=self.artifact, progress=round(100 * min(share, 1.0), 1))

    @contextlib.contextmanager
    def _prefect(self) -> Iterator[None]:
        """A server that does not answer costs the progress that it shows, and nothing else."""
        try:
            yield
        except Exception as error:
            self.artifact = None
            console.print(f"  Prefect shows no more progress ({type(error).__name__})", highlight=False)


@contextlib.contextmanager
def displayed(title: str) -> Iterator[Display]:
    """A display for one study."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console.print(f"[bold]{title}[/]", highlight=False)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        yield Display(title, bars)
