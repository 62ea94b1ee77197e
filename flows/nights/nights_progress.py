"""Progress of many nights: how many are done, what runs, and how long the rest may take."""

import contextlib
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from flows.nights.night_job import PROGRESS
from tasks.results.formatting import duration

LOG_SECONDS = 60.0


class NightsProgress:
    """A watcher: bars on a terminal, a line a minute in a log.

    clock: seconds that only grow; tests give their own.
    """

    def __init__(
        self, total: int, console: Console, bars: Progress, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.total, self.console, self.bars, self.clock = total, console, bars, clock
        self.done = 0
        self.began = self.logged = clock()
        self.shares: dict[str, float] = {}
        self.doing: dict[str, str] = {}
        self.advanced = 0.0
        self.overall = bars.add_task("nights", total=total)
        self.rows: dict[str, TaskID] = {}

    @contextlib.contextmanager
    def stage(self, name: str, jobs: int, committed: int) -> Iterator[None]:
        """Nights are one stage; it begins again, with fewer jobs, where a worker was lost."""
        self.done = self.total - jobs + committed
        self.shares.clear()
        self.doing.clear()
        self._show()
        self._log()
        yield

    def __call__(self, stage: str, label: str, done: int, total: int, /) -> None:
        if stage == PROGRESS:
            share = done / max(total, 1)
            self.advanced += share - self.shares.get(label, 0.0)
            self.shares[label] = share
            if done >= total:
                self.done += 1
                self.doing.pop(label, None)
                self.shares.pop(label)
                self._show()
                self._log()
                return
        else:
            self.doing[label] = f"{stage.replace('_', ' ')} {done}/{total}"
        self._show(label)
        if self.clock() - self.logged > LOG_SECONDS:
            self._log()

    def left(self) -> float | None:
        """Seconds, from the share of the studies done so far; None before anything is done."""
        if self.advanced <= 0:
            return None
        rest = self.total - self.done - sum(self.shares.values())
        return (self.clock() - self.began) * rest / self.advanced

    @property
    def line(self) -> str:
        parts = [f"{self.done} of {self.total} nights done"]
        parts += [f"{date}: {what}" for date, what in sorted(self.doing.items())]
        left = self.left()
        if left is not None and self.done < self.total:
            parts.append(f"about {duration(left)} left")
        return "; ".join(parts)

    def _log(self) -> None:
        self.logged = self.clock()
        if not self.console.is_terminal:
            self.console.print(self.line, highlight=False, soft_wrap=True)

    def _show(self, label: str | None = None) -> None:
        left = self.left()
        about = "" if left is None or self.done >= self.total else f", about {duration(left)} left"
        self.bars.update(self.overall, completed=self.done, description=f"[bold]nights[/]{about}")
        for gone in [each for each in self.rows if each not in self.doing]:
            self.bars.remove_task(self.rows.pop(gone))
        if label is not None and label in self.doing:
            if label not in self.rows:
                self.rows[label] = self.bars.add_task(label, total=1.0)
            text = f"  {label}  {self.doing[label]}"
            self.bars.update(self.rows[label], description=text, completed=self.shares.get(label, 0.0))


@contextlib.contextmanager
def nights_progress(total: int, console: Console) -> Iterator[NightsProgress]:
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=30), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        yield NightsProgress(total, console, bars)
