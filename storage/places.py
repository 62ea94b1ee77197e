"""Where a file lies: a local path, or a URI of an object store."""

import os
import posixpath
from pathlib import Path

from pyarrow.fs import FileSystem, FileType, LocalFileSystem

Location = str | Path
"""A local path, or a URI that `pyarrow.fs` knows: `s3://bucket/key`, `gs://…`, `file:///…`."""


def locate(path: Location) -> tuple[FileSystem, str]:
    """The file system that holds `path`, and the path inside it."""
    text = os.fspath(path)
    return FileSystem.from_uri(text) if "://" in text else (LocalFileSystem(), os.path.abspath(text))


def child(folder: Location, name: str) -> str:
    """`folder/name`; options of a URI (`?endpoint_override=…`) stay at its end."""
    text = os.fspath(folder)
    if "://" not in text:
        return os.path.join(os.path.abspath(text), name)
    head, mark, options = text.partition("?")
    return f"{head.rstrip('/')}/{name}{mark}{options}"


def parent(path: Location) -> str:
    """The folder of a file, with the options of its URI."""
    text = os.fspath(path)
    if "://" not in text:
        return os.path.dirname(os.path.abspath(text))
    head, mark, options = text.partition("?")
    return f"{posixpath.dirname(head)}{mark}{options}"


def exists(path: Location) -> bool:
    """Whether a file is there; what was published is whole, so this is all that resuming needs to ask."""
    system, inner = locate(path)
    return system.get_file_info(inner).type is FileType.File
