"""The page, the figures and the tables that people look at: functions of the files in a run's folder."""

from tasks.report.page import build
from tasks.report.table import markdown, render

__all__ = ["build", "markdown", "render"]
