"""Where things are written."""

import os
from pathlib import Path

DEFAULT_HOME = ".weightsmith"


def home_folder(home: str | None = None) -> Path:
    """The given folder, else WEIGHTSMITH_HOME, else `.weightsmith` in the current folder."""
    return Path(home or os.environ.get("WEIGHTSMITH_HOME") or DEFAULT_HOME).absolute()
