import json
import re
from html.parser import HTMLParser

import pytest
import rich.console

from flows.report.page import build
from flows.report.parameter_diffusion.comparison import comparison
from flows.report.table import markdown, render
from methods.errors import BadData
from tasks.results.formatting import duration, moment, number, percent, signed, size

FIGURES = ("accuracies", "novelty", "nearest_rows", "shared_errors", "parameter_space", "snapshots", "losses")
HOSTILE = '<script>alert("x")</script>&|"\'{{ 7 * 7 }}'


class Addresses(HTMLParser):
    """Collects what a browser would load or follow, and the visible text."""

    def __init__(self, page):
        super().__init__()
        self.found, self.tags, self.text = [], set(), ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.found += [value for key, value in attrs if key in ("src", "href", "srcset", "action", "data", "poster")]

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def page_of(tmp_path, write_run):
    return lambda files: build(write_run(tmp_path / "run", files)).read_text()


def test_nothing_is_loaded_from_elsewhere(page_of, run_files):
    page = page_of(run_files)
    parsed = Addresses(page)
    assert len(parsed.found) == len(FIGURES)
    assert all(address.startswith(("data:", "#")) for address in parsed.found)
    assert not parsed.tags & {"script", "link", "iframe", "object", "base"}
    assert "url(" not in page
    assert "@import" not in page


def test_every_number_of_the_table_stands_on_the_page(page_of, run_files):
    summary = run_files["summary"]
    text = Addresses(page_of(run_files)).text
    for name, numbers in {"original": summary["original"], **summary["generated"]}.items():
        row = text[re.search(rf"\b{re.escape(name)}(?=\S*\s*\S.*\n.*{numbers['n']}\n)", text).start() :][:900]
        shown = ["mean"] if numbers["n"] == 1 else ["mean", "median", "best", "worst", "std"]
        for key in shown:
            assert percent(numbers[key]) in row, (name, key)
        if name != "original":
            assert signed(summary["differences"][name]["difference"]) in row
            assert percent(summary["selection"][name]["test_accuracy"]) in row
    assert summary["verdict"] in text


def test_the_words_agree_with_the_numbers(page_of, run_files):
    text = " ".join(Addresses(page_of(run_files)).text.split())
    made, original = run_files["summary"]["generated"]["latent_ddpm"], run_files["summary"]["original"]
    gap, mean = percent(original["mean"] - made["mean"]), percent(made["mean"])
    assert f"mean test accuracy of {mean} %, {gap} points below the {percent(original['mean'])} %" in text
    assert "The best baseline by mean, mean, reaches" in text
    assert "more than the generator" in text
    assert "excludes zero" in text
    assert "every one has exactly the accuracy that it had" in text


def test_a_changed_accuracy_after_reloading_is_said(page_of, run_files):
    run_files["details"]["snapshots"][0]["accuracy_reloaded"] = [
        value - 0.01 for value in run_files["details"]["snapshots"][0]["accuracy"]
    ]
    assert "12 have another accuracy than when they were taken (dots), by up to 1.00 points" in page_of(run_files)


def test_hostile_strings_stay_text(page_of, run_files):
    summary = run_files["summary"]
    summary["verdict"] = summary["gates"]["reconstruction"]["meaning"] = HOSTILE
    summary["environment"]["device"] = run_files["config"]["network"]["kind"] = HOSTILE
    run_files["details"]["references"][HOSTILE] = {"path": HOSTILE, "sha256": HOSTILE}
    page = page_of(run_files)
    parsed = Addresses(page)
    assert "script" not in parsed.tags
    assert "<script" not in page
    assert parsed.text.count(HOSTILE) == 8


def test_a_failed_run_has_a_page_that_says_why(page_of, run_files):
    kept = ("study", "preset", "run_id", "seed", "started", "seconds", "environment", "config_hash")
    summary = {key: run_files["summary"][key] for key in kept}
    summary |= {"stages": {}, "state": "failed", "error": "no digits <here>\n  look there"}
    page = page_of({"summary": summary})
    assert "This run failed." in page
    assert "no digits &lt;here&gt;\n  look there" in page


def test_a_failed_gate_is_shown_with_what_was_measured_so_far(page_of, run_files):
    summary = run_files["summary"]
    for key in ("original", "generated", "differences", "selection", "per_seed", "verdict", "audit", "paired"):
        del summary[key]
    summary["gates"]["reconstruction"] |= {"value": 0.25, "passed": False}
    summary |= {"state": "failed", "error": "gate reconstruction"}
    run_files["details"] |= {"pca": [], "audit": []}
    page = page_of(run_files)
    assert '<span class="mark bad">failed</span>' in page
    assert len(Addresses(page).found) == 2


def test_the_audit_is_told_in_its_own_numbers(page_of, run_files):
    text = " ".join(Addresses(page_of(run_files)).text.split())
    for name, audit in run_files["summary"]["audit"].items():
        row = text[text.index("Is it new?") :]
        row = row[row.index(f"{name} {audit['verdict']}") :][:200]
        assert f"{audit['dispersion']:.2f}" in row
        assert signed(audit["lead"]["difference"]) in row
    assert f"The audit says {run_files['summary']['audit']['latent_ddpm']['verdict']}" in text
    assert "held_out control" in text


def test_a_nightly_is_one_page(tmp_path, write_run, run_files):
    common = {k: run_files["summary"][k] for k in ("preset", "seed", "started", "stages", "environment", "config_hash")}
    studies = {
        "parameter_diffusion": {"path": "parameter_diffusion", "seconds": 12.5, "state": "completed"},
        "robustness": {"path": "robustness", "seconds": 1.5, "state": "failed"},  # died before it wrote anything
    }
    summary = {"study": "nightly", "run_id": "night", "seconds": 14.0, "studies": studies, **common}
    night = write_run(tmp_path / "night", {"summary": summary})
    write_run(night / "parameter_diffusion", run_files)
    page = build(night).read_text()
    parsed = Addresses(page)
    assert parsed.found[0] == "#parameter_diffusion"
    assert all(address.startswith("data:") for address in parsed.found[1:])
    assert page.count('<article id="parameter_diffusion">') == 1
    assert page.count(run_files["summary"]["verdict"]) == 2  # overview and chapter
    assert "it left no summary" in page

    def drawn() -> dict[str, int]:
        return {each.name: each.stat().st_mtime_ns for each in night.glob("parameter_diffusion/figures/*.png")}

    before = drawn()
    (night / "parameter_diffusion" / "figures" / "losses.png").unlink()
    assert build(night, redraw=False).read_text() == page
    assert {name for name, time in drawn().items() if time != before[name]} == {"losses.png"}
    build(night)
    assert all(time != before[name] for name, time in drawn().items())
    assert drawn().keys() == before.keys() == {f"{name}.png" for name in FIGURES}


def test_building_twice_gives_the_same_page_and_leaves_nothing_else(tmp_path, write_run, run_files):
    folder = write_run(tmp_path / "run", run_files)
    first = build(folder).read_bytes()
    assert build(folder).read_bytes() == first
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    figures = {f"figures/{name}.png" for name in FIGURES}
    assert files == {"summary.json", "config.json", "details.json", "report.html"} | figures


def test_a_folder_without_a_run_is_refused(tmp_path, write_run, run_files):
    with pytest.raises(BadData, match=r"summary\.json"):
        build(tmp_path)
    run_files["summary"]["study"] = "astrology"
    with pytest.raises(BadData, match="astrology"):
        build(write_run(tmp_path / "run", run_files))


def test_several_seeds_are_tabled(page_of, run_files):
    seeds = run_files["summary"]["per_seed"]
    seeds["1"] = json.loads(json.dumps(seeds["0"]))
    seeds["1"]["generated"]["gaussian"]["mean"] = 0.12345
    text = Addresses(page_of(run_files)).text
    assert "Means by seed" in text
    assert text.count("12.35") + text.count("12.34") == 1


def test_terminal_table_and_markdown_hold_the_same_cells(run_files):
    summary = run_files["summary"]
    console = rich.console.Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(render(summary))
    terminal, marked = console.export_text(), markdown(summary)
    for row in comparison(summary):
        assert row.name in terminal
        assert all(cell in marked for cell in row.cells)
        assert row.cells[1] in terminal
    assert summary["verdict"] in " ".join(terminal.split())


def test_markdown_cells_cannot_be_broken(run_files):
    run_files["summary"]["verdict"] = "a | b\n<b>c</b>"
    assert markdown(run_files["summary"]).splitlines()[0] == "**a \\| b &lt;b>c&lt;/b>**"


def test_a_failed_run_is_one_line_in_terminal_and_markdown(run_files):
    summary = {"study": "parameter_diffusion", "state": "failed", "error": "out of space"}
    console = rich.console.Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(render(summary))
    assert console.export_text().strip() == "out of space"
    assert markdown(summary) == "**Failed.** out of space\n"


def test_numbers_are_written_for_people():
    assert (percent(0.96054), percent(1.0)) == ("96.05", "100.00")
    assert [signed(x) for x in (0.0031, -0.0031, -0.00001)] == ["+0.31", "−0.31", "0.00"]
    assert [number(x) for x in (3.1e-8, 0.0123, 1797, -0.5)] == ["3.1 × 10⁻⁸", "0.0123", "1797", "−0.5"]
    assert number(50_000) == "50\u202f000"
    assert [duration(s) for s in (0.5, 59.96, 412.7, 3720)] == ["0.5 s", "1 min 00 s", "6 min 53 s", "1 h 02 min"]
    assert [size(b) for b in (999, 4_963_112)] == ["999 B", "4.96 MB"]
    assert moment("2026-05-12T02:00:07+00:00") == "12 May 2026, 02:00 UTC"
