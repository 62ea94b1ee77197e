"""A table of text, for the terminal and as Markdown."""

import dataclasses
from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """caption: units, below the table. hidden: heads that a terminal of 100 columns has no room for. styles: of rows,
    by Rich's names; none for all plain. notes: below it, each a name and a sentence. right: columns but the first are
    aligned to the right.
    """

    heads: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    caption: str
    hidden: tuple[str, ...] = ()
    styles: Sequence[str] = ()
    notes: Sequence[tuple[str, str]] = ()
    right: bool = False

    def rendered(self) -> RenderableType:
        shown = [place for place, head in enumerate(self.heads) if head not in self.hidden]
        table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, caption=self.caption)
        for place in shown:
            aligned = self.right and place > 0
            table.add_column(self.heads[place], justify="right" if aligned else "left", no_wrap=aligned)
        for row, style in zip(self.rows, self.styles or [""] * len(self.rows), strict=True):
            table.add_row(*(Text(row[place]) for place in shown), style=style)
        return Group(table, *(Text(f"{name}: {note}", "red") for name, note in self.notes))

    def markdown(self) -> list[str]:
        """Lines in GitHub's Markdown."""
        rule = ["---", *["---:" if self.right else "---"] * (len(self.heads) - 1)]
        lines = ["", line(*map(plain, self.heads)), line(*rule)]
        lines += [line(*map(plain, row)) for row in self.rows]
        lines += [""] * bool(self.notes)
        lines += [f"- {plain(name)}: {plain(note)}" for name, note in self.notes]
        return [*lines, "", self.caption[:1].upper() + self.caption[1:] + "."]


def line(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def plain(text: str) -> str:
    """Text that Markdown shows as it is: no table cell ends and no tag opens inside it."""
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("_", "\\_")
