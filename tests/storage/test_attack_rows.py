"""Tables of attacked samples come back as they were written, or are refused."""

import numpy as np
import pytest

from methods.errors import BadData
from storage.attack_rows import SCHEMA, publish_attack_rows, read_attack_rows
from storage.errors import MissingFile, TornFile


def columns(n=3):
    whole = {name: np.arange(n) for name in SCHEMA.names}
    words = {
        name: [f"{name} {place}" for place in range(n)] for name in ("model", "attack", "parameters", "image_sha256")
    }
    pictures = [b"\x00\xff" if place == 0 else None for place in range(n)]
    return whole | words | {"success": np.arange(n) % 2 == 0, "l2": np.linspace(0, 1, n), "picture": pictures}


def test_rows_come_back_in_the_order_of_the_files(tmp_path):
    first, second = columns(3), columns(2)
    for name, table in {"a": first, "b": second}.items():
        publish_attack_rows(tmp_path / f"{name}.parquet", table)
    read = read_attack_rows([tmp_path / "a.parquet", tmp_path / "b.parquet"])
    assert read["sample"].tolist() == [0, 1, 2, 0, 1]
    assert read["model"].tolist() == first["model"] + second["model"]
    assert read["success"].tolist() == [True, False, True, True, False]
    assert read["picture"].tolist() == first["picture"] + second["picture"]
    np.testing.assert_array_equal(read["l2"], [*first["l2"], *second["l2"]])


def test_a_table_of_other_columns_is_refused(tmp_path):
    table = columns()
    del table["label"]
    with pytest.raises(BadData, match="label"):
        publish_attack_rows(tmp_path / "a.parquet", table)
    with pytest.raises(BadData, match="do not fit"):
        publish_attack_rows(tmp_path / "a.parquet", columns() | {"l1": ["far", "near", "far"]})
    with pytest.raises(BadData, match="do not fit"):
        publish_attack_rows(tmp_path / "a.parquet", columns() | {"l1": np.zeros(2)})
    assert list(tmp_path.iterdir()) == []


def test_damage_is_noticed(tmp_path):
    path = tmp_path / "a.parquet"
    with pytest.raises(MissingFile):
        read_attack_rows([path])
    publish_attack_rows(path, columns(200))
    whole = bytearray(path.read_bytes())
    whole[40] ^= 1
    path.write_bytes(whole)
    with pytest.raises(TornFile, match="only this table"):
        read_attack_rows([path])
