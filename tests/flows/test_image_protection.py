"""The study of image protection by plain calls: whole, resumed, drawn, and its bad input."""

import base64
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from jsonschema import Draft202012Validator

from flows.nightly import tonight
from flows.publish import children
from flows.report.image_protection.chapter import journeys, triggered
from flows.report.image_protection.tables import hiding
from flows.report.page import build
from flows.report.table import markdown, render
from flows.studies import changed, resolve
from flows.studies.image_protection import protect_and_edit
from methods.errors import BadSetting
from methods.protection.judging import Judge
from methods.protection.saving import from_bytes
from storage.datasets import Split, Splits
from storage.errors import MissingFile
from storage.pictures import as_png, from_file_bytes
from storage.protection_rows import read_judged, read_protected
from tasks.protection.editors import OwnInpainter, opened, tool
from tasks.protection.photo_context import PhotoContextConfig
from tasks.protection.regions import region_masks, scene
from tasks.protection.summarise_protection import mask
from tasks.runtime.run import Run
from tests.contexts import inline

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "summary.schema.json").read_text())


def study(**fields):
    return dataclasses.replace(resolve("image_protection", "smoke"), **fields)


def photographs(seed: int = 0) -> Splits:
    """Smooth pictures, which differ from noise as photographs do."""
    draw = torch.Generator().manual_seed(seed)

    def some(count: int, side: int) -> Split:
        coarse = torch.rand(count, 3, 5, 5, generator=draw)
        images = torch.nn.functional.interpolate(coarse, side, mode="bicubic").clamp(0, 1)
        return Split(images=(255 * images).byte(), labels=torch.arange(count))

    names = tuple(f"photograph {number}" for number in range(6))
    return Splits(name="smooth", classes=names, train=some(6, 32), validation=some(2, 48), test=some(3, 48))


def run(chosen, home):
    splits = photographs()
    order = Run(home=str(home), run_id="plain", preset="custom", seed=chosen.seed).bound(
        splits.digest, chosen.context_config
    )
    return protect_and_edit(chosen, inline(chosen.context_config, splits, order))


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    return home, *run(study(), home)


@pytest.fixture
def whole(ran, as_summary):
    return as_summary("image_protection", ran[1])


def test_the_summary_is_one_of_the_schema(whole):
    assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(whole)] == []
    assert whole["methods"].keys() == {
        *("runtime_pgd", "runtime_pgd@0.06275", "strong@0.06275", "runtime_faithful"),
        *("noise_control", "noise_control@0.06275", "training_time"),
        *(f"runtime_pgd_{name}@0.06275" for name in ("robust", "hide0", "hide8")),
    }
    assert {name: told["than"] for name, told in whole["beside"].items()} == {
        f"runtime_pgd_{name}@0.06275": "runtime_pgd@0.06275" for name in ("robust", "hide0", "hide8")
    }
    assert whole["inpainters"].keys() == {"brief", "without_fourier", "telea", "navier_stokes", "implanted"}
    telea = whole["inpainters"]["telea"]
    assert telea["masked_l1"] == telea["telea_masked_l1"] > 0
    del whole["methods"]["runtime_pgd"]["transfer"]
    assert list(Draft202012Validator(SCHEMA).iter_errors(whole))


def test_means_are_those_of_the_rows(ran):
    home, summary, _ = ran
    rows = read_judged(sorted((home / "store" / "judged").glob("*.parquet")))
    for name, told in summary["methods"].items():
        inpainter = "implanted" if name == "training_time" else "brief"
        every = (rows["method"] == name) & (rows["crafted_on"] == inpainter)
        own = every & (rows["editor"] == inpainter) & (rows["transform"] == "png")
        assert told["n"] == own.sum() == 2
        assert told["ssim_edit"] == pytest.approx(rows["ssim_edit"][own].mean())
        assert told["target_mse_ratio"] == pytest.approx(
            rows["target_mse"][own].mean() / rows["target_mse_clean"][own].mean()
        )
        assert list(told["transforms"]) == ["png", "jpeg_75", "resize_0.75", "blur_1"]
        assert told["transforms"]["png"]["ssim_edit"] == told["ssim_edit"]
        if told["control"] is not None:
            noise = summary["methods"][told["control"]["method"]]
            assert (noise["epsilon"], noise["ssim_edit"]) == (told["epsilon"], told["control"]["ssim_edit"])
            assert told["control"]["gain"] == pytest.approx(noise["ssim_edit"] - told["ssim_edit"])
    crafted_on_one = summary["methods"]["runtime_pgd"]["transfer"]
    assert crafted_on_one.keys() == {"without_fourier", "telea", "navier_stokes"}
    assert summary["variants"]["without_fourier"]["runtime_pgd"]["transfer"].keys() == {
        *("brief", "telea", "navier_stokes")
    }
    assert summary["variants"]["without_fourier"]["runtime_pgd@0.06275"]["transfer"] == {}
    for name in ("strong@0.06275", *summary["beside"]):
        assert name not in summary["variants"]["without_fourier"]  # they are for the subject
        assert name not in {point["method"] for point in summary["vulnerability"]["brief"]["curve"]}


def test_what_is_scored_is_what_a_png_holds_and_within_its_budget(ran):
    home, summary, details = ran
    chosen, splits = study(), photographs()
    photo_context = PhotoContextConfig().open(splits)
    (path,) = (
        path
        for path in (home / "store" / "inpainter").iterdir()
        if OwnInpainter(path=str(path)).read()[0].global_share and b"recipe" in path.read_bytes()[:9000]
    )
    editor = opened(tool("brief", OwnInpainter(path=str(path))), torch.device("cpu"))
    rows = read_judged(sorted((home / "store" / "judged").glob("*.parquet")))
    shown = next(each for each in details["gallery"] if each["method"] == "runtime_pgd@0.06275")
    kept = from_file_bytes(base64.b64decode(shown["protected"]), name="kept")
    assert torch.equal(from_file_bytes(as_png(kept), name="again"), kept)
    change = (kept.int() - splits.test.images[shown["sample"]].int()).abs()
    assert 0 < change.max() <= 16
    made = scene(photo_context, chosen.regions, chosen.judge.expansion, [shown["sample"]], 0)
    judged = chosen.judge(
        editor, made.images, made.masks, made.far, protected=from_bytes(kept[None]), goal="far_colour"
    )
    place = np.flatnonzero(
        (rows["method"] == shown["method"])
        & (rows["crafted_on"] == "brief")
        & (rows["editor"] == "brief")
        & (rows["transform"] == "png")
        & (rows["sample"] == shown["sample"])
    )
    for name in ("psnr", "ssim_edit", "ssim_benign", "ssim_far", "target_mse"):
        assert getattr(judged, name).item() == pytest.approx(rows[name][place].item(), abs=1e-5)
    assert summary["methods"]["runtime_pgd@0.06275"]["epsilon"] == 16 / 255


def test_regions_are_each_image_s_own_and_leave_room():
    chosen, splits = study(), photographs()
    photo_context = PhotoContextConfig().open(splits)
    all_of_them = scene(photo_context, chosen.regions, 4, [0, 1, 2], 0)
    alone = scene(photo_context, chosen.regions, 4, [2], 0)
    assert torch.equal(all_of_them.masks[2:], alone.masks)
    assert torch.equal(all_of_them.far[2:], alone.far)
    assert all_of_them.masks.sum((1, 2, 3)).tolist() == [100.0] * 3
    assert len({tuple(each.nonzero()[0].tolist()) for each in all_of_them.masks}) > 1
    shown = from_file_bytes(mask(chosen.regions, splits, 2), name="mask")
    assert torch.equal(shown[:1].float() / 255, alone.masks[0])
    assert torch.equal(region_masks(chosen.regions, splits.test.images[2:], [2]), alone.masks)


def test_a_second_run_computes_nothing_and_says_the_same(ran):
    home, summary, _ = ran
    found = [path for path in (home / "store").rglob("*") if path.is_file()]
    times = {path: path.stat().st_mtime_ns for path in found}
    assert run(study(), home)[0] == summary
    assert {path: path.stat().st_mtime_ns for path in found} == times
    more = study(others=(), transforms=())
    assert run(more, home)[0]["methods"]["runtime_pgd"]["ssim_edit"] == summary["methods"]["runtime_pgd"]["ssim_edit"]
    kept = {path.parent.name for path in (home / "store").rglob("*") if path.is_file() and path not in times}
    assert kept == {"judged"}  # nothing was protected or trained again
    looks = read_protected(next((home / "store" / "protected").glob("*.parquet")))
    assert set(looks) == {"sample", "picture", "losses", "chosen"}


def test_a_page_a_table_and_entries_for_mlflow(ran, whole, tmp_path):
    _, _, details = ran
    folder = tmp_path / "run"
    folder.mkdir()
    for name, content in {"summary": whole, "details": details, "config": {}}.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    page = build(folder).read_text()
    assert whole["verdict"] in page.replace("&#39;", "'")
    assert {path.stem for path in (folder / "figures").iterdir()} == {
        *("gallery_1", "gallery_2", "training_time", "curves", "transforms", "transfer")
    }
    likeness = f"{whole['methods']['noise_control']['ssim_benign']:.3f}"
    assert likeness in page
    assert likeness in markdown(whole)
    assert render(whole)
    weights = hiding(whole)
    assert [each["weight"] for each in weights] == ["0", "2", "8"]
    for each, name in zip(weights, ("_hide0", "", "_hide8"), strict=True):
        assert each["similarities"][0] == f"{whole['methods'][f'runtime_pgd{name}@0.06275']['ssim_edit']:.3f}"
    assert list(journeys(whole)) == ["", "ε = 0.06275"]
    assert list(journeys(whole)["ε = 0.06275"]) == [
        *("runtime_pgd@0.06275", "runtime_pgd_robust@0.06275", "noise_control@0.06275")
    ]
    shown = triggered(whole, details)
    assert [each["method"] for each in shown] == ["training_time"] * 2
    own = [each for each in details["gallery"] if (each["inpainter"], each["method"]) == ("brief", "runtime_pgd")]
    assert [each["before"] for each in shown] == [each["edit_clean"] for each in own]
    assert {(child.kind, child.name) for child in children(whole)} == {("method", name) for name in whole["methods"]}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("data.size=32", "no room"),
        ("regions.margin=3", "margin"),
        ('inpainter={"kind": "telea"}', "two are called 'telea'"),
        ("implanting=null", "implanting"),
        ('methods=[{"method": {"kind": "runtime_pgd", "epsilon": 0.1}}]', "no noise_control"),
        ('others=[{"kind": "telea"}, {"kind": "telea"}]', "two are called 'telea'"),
        ('transforms=[{"kind": "blur"}, {"kind": "blur"}]', "two are called 'blur_1'"),
        ('methods=[{"method": {"kind": "noise_control"}}, {"method": {"kind": "noise_control"}}]', "two are called"),
    ],
)
def test_what_cannot_be_is_found_before_anything_is_trained(change, told):
    with pytest.raises(BadSetting, match=told):
        changed(study(), [change])


def test_noise_cannot_be_made_against_what_has_no_gradient():
    with pytest.raises(BadSetting, match="telea has no gradient"):
        changed(study(others=()), ['inpainter={"kind": "telea"}'])


def test_a_missing_file_is_found_before_anything_is_trained(tmp_path):
    chosen = study(others=(OwnInpainter(path="/nowhere/own.safetensors"),))
    with pytest.raises(MissingFile, match="nowhere"):
        run(chosen, tmp_path)
    assert not (tmp_path / "store").exists()


def test_it_takes_part_in_the_night():
    chosen = tonight("digits", {}, 20260131)["image_protection"]
    assert chosen.seed == 20260131
    assert chosen.images == 6
    assert tonight("digits", {"image_protection": ["images=3"]}, 1)["image_protection"].images == 3
    assert chosen.judge == Judge()
