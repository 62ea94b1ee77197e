"""Encoded images in Parquet, in the layout that Hugging Face `datasets` exports.

PATH/train-*.parquet and PATH/test-*.parquet, and validation-*.parquet or valid-*.parquet where there are any. Each has
a column `struct<bytes: binary, path: string>` of encoded images and an integer column of labels from 0.
"""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from methods.errors import BadData
from storage.datasets.pixels import decode
from storage.datasets.source import Pictures, ReadImage, Source


def parquet_images(root: Path) -> Source:
    """The images of the folder `root`.

    Raises `BadData` for a missing split, an unreadable file, and missing or ambiguous columns.
    """
    train, test = shards_of(root)
    validation = shards(root, "validation", "valid")
    pictures = _pictures(train)
    return Source(
        name=root.name,
        classes=_class_names(train[0]) or tuple(str(k) for k in range(int(pictures.labels.max()) + 1)),
        train=pictures,
        test=_pictures(test),
        validation=_pictures(validation) if validation else None,
    )


def shards_of(root: Path) -> tuple[list[Path], list[Path]]:
    """The files of train and test. Raises `BadData` where either is missing."""
    train, test = shards(root, "train"), shards(root, "test")
    for split, files in (("train", train), ("test", test)):
        if not files:
            found = ", ".join(sorted(file.name for file in root.iterdir())) if root.is_dir() else "no such folder"
            raise BadData(
                problem=f"no {split}-*.parquet in {root} ({found})",
                remedy="give a folder that holds train-*.parquet and test-*.parquet; both splits are needed",
            )
    return train, test


def shards(root: Path, *splits: str) -> list[Path]:
    """Of all these splits together, in the order of their names."""
    return sorted(file for split in splits for ending in ("", "-*") for file in root.glob(f"{split}{ending}.parquet"))


def count_rows(file: Path) -> int:
    _schema(file)
    return pq.read_metadata(file).num_rows


def _schema(file: Path) -> pa.Schema:
    try:
        return pq.read_schema(file)
    except (OSError, pa.ArrowInvalid) as error:
        raise BadData(problem=f"{file} cannot be read as Parquet: {error}", remedy="fetch or write it anew") from error


def _image_column(file: Path) -> str:
    schema = _schema(file)
    names = [field.name for field in schema if pa.types.is_struct(field.type) and _is_image(field.type)]
    if len(names) != 1:
        raise BadData(
            problem=f"{file} has {len(names)} image columns; its columns: {', '.join(schema.names)}",
            remedy="give it exactly one column of type struct<bytes: binary, path: string>, as Hugging Face exports it",
        )
    return names[0]


def _is_image(struct: pa.StructType) -> bool:
    fields = {field.name: field.type for field in struct}
    return "bytes" in fields and (pa.types.is_binary(fields["bytes"]) or pa.types.is_large_binary(fields["bytes"]))


def _label_column(file: Path) -> str:
    schema = _schema(file)
    names = [field.name for field in schema if pa.types.is_integer(field.type)]
    if "label" in names:
        return "label"
    if len(names) != 1:
        found = f"several integer columns ({', '.join(names)}), none called label" if names else "no integer column"
        raise BadData(
            problem=f"{file} has no labels to read: {found}; its columns are {', '.join(schema.names)}",
            remedy="a classifier needs labels 0, 1, ...: write them as an int64 column called label",
        )
    return names[0]


def _class_names(file: Path) -> tuple[str, ...]:
    stored = (_schema(file).metadata or {}).get(b"huggingface", b"{}")
    features = json.loads(stored).get("info", {}).get("features", {})
    return tuple(features.get(_label_column(file), {}).get("names", ()))


def _pictures(files: list[Path]) -> Pictures:
    labels = []
    for file in files:
        column = pq.read_table(file, columns=[_label_column(file)]).column(0)
        if column.null_count:
            raise BadData(problem=f"{column.null_count} rows of {file} have no label", remedy="label or remove them")
        labels.append(torch.from_numpy(column.to_numpy().astype(np.int64)))
    return Pictures(labels=torch.cat(labels), readers=partial(_readers, files))


def _readers(files: list[Path], rows: Sequence[int]) -> Iterator[ReadImage]:
    for encoded, name in encoded_images(files, rows):
        yield partial(decode, encoded, name=name)


def encoded_images(files: list[Path], rows: Sequence[int]) -> Iterator[tuple[bytes, str]]:
    """The bytes of these ascending rows, each with a name for messages. Raises `BadData` for a row without any.

    One row group of encoded images in memory at a time; groups in which no row is wanted are not read.
    """
    wanted = np.asarray(rows)
    start = 0
    for file in files:
        name = _image_column(file)
        file_start = start
        with pq.ParquetFile(file) as shard:
            for group in range(shard.num_row_groups):
                end = start + shard.metadata.row_group(group).num_rows
                here = wanted[np.searchsorted(wanted, start) : np.searchsorted(wanted, end)]
                if len(here):
                    column = shard.read_row_group(group, columns=[name]).column(0).take(here - start)
                    for row, image in zip(here, column.to_pylist(), strict=True):
                        yield _encoded(image, f"row {row - file_start} of {file}")
                start = end


def _encoded(image: dict[str, Any] | None, name: str) -> tuple[bytes, str]:
    if image is None or not image["bytes"]:
        raise BadData(
            problem=f"{name} holds no image bytes",
            remedy="embed the images when exporting; a path alone does not travel",
        )
    return image["bytes"], f"{name} ({image['path']})" if image.get("path") else name
