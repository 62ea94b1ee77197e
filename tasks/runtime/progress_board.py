"""How progress travels from workers to the driver. Imports nothing heavy: the board is a process of its own."""

import time
from typing import Any

WRITE_SECONDS = 0.3


class ProgressBoard:
    """Where workers write what they have done, and the driver reads it."""

    def __init__(self) -> None:
        self.news: dict[tuple[str, str], tuple[int, int]] = {}

    def write(self, stage: str, label: str, done: int, total: int) -> None:
        self.news[stage, label] = (done, total)

    def read(self) -> dict[tuple[str, str], tuple[int, int]]:
        news, self.news = self.news, {}
        return news


class ProgressWriter:
    """A listener that writes to a board in another process, a few times a second at most."""

    def __init__(self, board: Any) -> None:
        self.board, self.last = board, (0.0, "")

    def __call__(self, stage: str, label: str, done: int, total: int, /) -> None:
        now = time.monotonic()
        if done == total or stage != self.last[1] or now - self.last[0] > WRITE_SECONDS:
            self.last = (now, stage)
            self.board.write.remote(stage, label, done, total)
