"""What happens during a run, said when it happens: on the console and, inside a flow, in Prefect's log of it."""

import logging

from flows.progress import console


def announce(text: str, level: int = logging.WARNING, *, quietly: bool = False) -> None:
    """Print one paragraph and log it. quietly: only log it, where the command line will say it anyway."""
    if not quietly:
        console.print(f"  {text}", highlight=False, markup=False, soft_wrap=True)
    from prefect import get_run_logger
    from prefect.context import FlowRunContext, TaskRunContext

    if FlowRunContext.get() is not None or TaskRunContext.get() is not None:
        get_run_logger().log(level, text)  # type: ignore[union-attr]
