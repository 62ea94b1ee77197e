"""p-diff's two formats: rows, train layers and accuracies as they are there, and one message for what is wrong."""

from pathlib import Path

import pytest
import torch

from methods.errors import BadData, BadSetting, WeightsmithError
from storage.errors import MissingFile, TornFile
from storage.exchange.reading import read_offered
from tests.storage.exchange.public import NAMES, WIDTH, ResNet, contents, write


@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")
@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "stream"])
def test_a_data_pt_arrives_whole(legacy: bool, tmp_path: Path) -> None:
    content = contents()
    offered = read_offered(write(tmp_path / "data.pt", content, legacy=legacy))
    # the order of `named_parameters()`, in which the public code joins the columns, not that of the list
    assert offered.shapes == {"layer1.0.bn1.weight": (2,), "linear.weight": (3, 2), "linear.bias": (3,)}
    rows = torch.stack([torch.cat([value.reshape(-1) for value in row.values()]) for row in offered.rows()])
    assert rows.numpy().tobytes() == content["pdata"].numpy().tobytes()
    assert offered.accuracies == (0.765, 0.5, 0.0, 1.0)
    base, wanted = offered.base(), content["model"].state_dict()
    assert set(base) == set(wanted)
    assert all(torch.equal(base[name], wanted[name]) for name in wanted)


def test_train_layers_may_be_a_plain_list_or_all(tmp_path: Path) -> None:
    plain = read_offered(write(tmp_path / "plain.pt", contents() | {"train_layer": NAMES}))
    assert list(plain.shapes) == ["layer1.0.bn1.weight", "linear.weight", "linear.bias"]
    parameters = dict(ResNet().named_parameters())
    size = sum(value.numel() for value in parameters.values())
    content = contents() | {"train_layer": "all", "pdata": torch.zeros(4, size)}
    assert list(read_offered(write(tmp_path / "all.pt", content)).shapes) == list(parameters)


def nan(rows: int) -> torch.Tensor:
    pdata = torch.zeros(rows, WIDTH)
    pdata[2, 5] = float("nan")
    return pdata


WRONG = {
    "a missing entry": (lambda c: c.pop("performance"), BadData, "lacks performance"),
    "another width": (lambda c: c.update(pdata=torch.zeros(4, WIDTH + 1)), BadData, rf"\(4, {WIDTH + 1}\).* {WIDTH} n"),
    "no rows": (lambda c: c.update(pdata=torch.zeros(0, WIDTH), performance=[]), BadData, r"\(0, "),
    "one row alone": (lambda c: c.update(pdata=torch.zeros(WIDTH)), BadData, "pdata of"),
    "no tensor": (lambda c: c.update(pdata=[1.0]), BadData, "pdata in .* is no tensor"),
    "double precision": (lambda c: c.update(pdata=torch.zeros(4, WIDTH).double()), BadData, "pdata .* torch.float64"),
    "not a number": (lambda c: c.update(pdata=nan(4)), BadData, "row 2 of .* not finite"),
    "too few accuracies": (lambda c: c.update(performance=[1.0]), BadData, "1 percentages for 4 rows"),
    "fractions beyond": (lambda c: c.update(performance=[101.0] * 4), BadData, "4 accuracies .* 100"),
    "accuracy not a number": (lambda c: c.update(performance=[float("nan")] * 4), BadData, "4 accuracies"),
    "an unknown layer": (lambda c: c.update(train_layer=["linear.bias", "head.bias"]), BadData, "head.bias"),
    "layers that are no names": (lambda c: c.update(train_layer=[3]), BadData, "train_layer"),
    "no model": (lambda c: c.update(model={"a": 1}), BadData, "no torch.nn.Module"),
    "not a dict": (lambda c: c.clear(), BadData, "lacks pdata"),
}


@pytest.mark.parametrize(("change", "kind", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_a_data_pt_is_said(change, kind, words, tmp_path: Path) -> None:
    content = contents()
    change(content)
    with pytest.raises(kind, match=words) as error:
        list(read_offered(write(tmp_path / "data.pt", content)).rows())
    assert error.value.remedy


def folder_of(place: Path, states: dict[str, dict[str, torch.Tensor]]) -> Path:
    place.mkdir()
    for name, state in states.items():
        torch.save(state, place / name)
    return place


def states(count: int = 3) -> dict[str, dict[str, torch.Tensor]]:
    """As the current version saves them: all of a norm's entries, its counter included."""
    return {
        f"{10 * index:04d}_acc0.{7600 + index}_seed{20 - 10 * (index > 1):04d}_cell.pth": {
            "bn.weight": torch.full((2,), float(index)),
            "bn.running_var": torch.ones(2),
            "bn.num_batches_tracked": torch.tensor(7),
        }
        for index in range(count)
    }


def test_a_folder_arrives_run_by_run(tmp_path: Path) -> None:
    base = tmp_path / "whole.pth"
    torch.save({"bn.weight": torch.ones(2), "head": torch.zeros(3)}, base)
    offered = read_offered(folder_of(tmp_path / "checkpoint", states()), base)
    assert offered.shapes == {"bn.weight": (2,), "bn.running_var": (2,)}
    assert offered.runs == ("seed 10", "seed 20", "seed 20")
    assert offered.accuracies == (0.7602, 0.7600, 0.7601)
    assert [row["bn.weight"][0].item() for row in offered.rows()] == [2.0, 0.0, 1.0]
    assert set(offered.base()) == {"bn.weight", "head"}


def test_a_cell_brings_its_own_network(tmp_path: Path) -> None:
    cell = tmp_path / "cifar100_resnet18"
    cell.mkdir()
    (cell / "finetune.py").write_text("not looked at")
    folder_of(cell / "checkpoint", states())
    with pytest.raises(BadSetting, match="--base"):
        read_offered(cell)
    torch.save({"head": torch.zeros(3)}, cell / "pretrained.pth")
    offered = read_offered(cell)
    assert (offered.source, set(offered.base())) == ("cifar100_resnet18", {"head"})


STRAYS = ["notes.txt", ".DS_Store", "generated.pth", "0001_acc0.5_seed1_x.pth.tmp", "0001_acc_seed1_x.pth"]


@pytest.mark.parametrize("stray", STRAYS)
def test_a_stray_file_is_not_a_model(stray: str, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "checkpoint", states())
    (folder / stray).write_bytes(next(folder.iterdir()).read_bytes())
    with pytest.raises(BadData, match="1 things") as error:
        read_offered(folder, tmp_path / "base.pth")
    assert stray in error.value.problem


def broken(folder: Path) -> None:
    path = sorted(folder.iterdir())[1]
    path.write_bytes(path.read_bytes()[:-40])


def other(folder: Path) -> None:
    torch.save({"bn.weight": torch.ones(3), "bn.running_var": torch.ones(3)}, sorted(folder.iterdir())[1])


def endless(folder: Path) -> None:
    torch.save(
        {"bn.weight": torch.tensor([1.0, float("inf")]), "bn.running_var": torch.ones(2)}, sorted(folder.iterdir())[1]
    )


def empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


FAULTS = {
    "truncated": (broken, TornFile, "0010_acc0.7601_seed0020_cell.pth"),
    "of another layer": (other, BadData, "0010_acc.* other tensors than 0020_acc"),
    "infinite": (endless, BadData, "bn.weight of .*0010_acc.* not finite"),
    "empty": (empty, BadData, "is empty"),
}


@pytest.mark.parametrize(("damage", "kind", "words"), FAULTS.values(), ids=FAULTS)
def test_what_is_wrong_with_a_folder_is_said(damage, kind: type[WeightsmithError], words: str, tmp_path: Path) -> None:
    base = tmp_path / "base.pth"
    torch.save({"head": torch.zeros(3)}, base)
    folder = folder_of(tmp_path / "checkpoint", states())
    damage(folder)
    with pytest.raises(kind, match=words):
        list(read_offered(folder, base).rows())


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"there is no file .*data\.pt"):
        read_offered(tmp_path / "data.pt")
