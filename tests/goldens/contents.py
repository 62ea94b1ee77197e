"""The content of a product as one hash, whatever the product and those that it refers to are called."""

import hashlib
import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from safetensors import safe_open

NAMES = re.compile(r"[0-9a-f]{20}")


def content_of(path: Path, home: Path, timed: Collection[str], seconds: Collection[str]) -> str:
    """sha256 (hex); of a table or of tensors that of their values and metadata."""
    if path.suffix == ".json":
        text = nameless(json.dumps(without(json.loads(path.read_text()), seconds), sort_keys=True), home)
    elif path.suffix == ".parquet":
        table = pq.read_table(path)
        drop = [
            name for name in table.column_names if name in {*seconds, "run"} and path.parent.name in {*timed, "shards"}
        ]
        text = nameless(repr(table.drop_columns(drop).to_pydict()), home)
    elif path.suffix == ".safetensors":
        with safe_open(path, "np") as file:
            values = {name: hashlib.sha256(file.get_tensor(name).tobytes()).hexdigest() for name in sorted(file.keys())}
            text = nameless(json.dumps([values, file.metadata()], sort_keys=True), home)
    else:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return hashlib.sha256(text.encode()).hexdigest()


def without(value: Any, seconds: Collection[str]) -> Any:
    if isinstance(value, list):
        return [without(each, seconds) for each in value]
    if not isinstance(value, dict):
        return value
    left = {*seconds, "path", "sha256", "run", "file", "bytes"}  # shards are named by their content, runs included
    return {key: without(each, seconds) for key, each in value.items() if key not in left}


def nameless(text: str, home: Path) -> str:
    return NAMES.sub("NAME", text.replace(str(home), "HOME"))
