import csv
import json
from dataclasses import replace

import pytest

from photochrom.errors import BadData, CannotWrite
from photochrom.evaluation.results import Results
from photochrom.evaluation.rows import Row
from studies import measure as measure_photos
from studies import pink, scene, stepped


def measure(colorizers=None, *, n=3, **options):
    return measure_photos([(f"{i}.png", scene(i)) for i in range(n)], colorizers or {}, **options)


def test_json_holds_everything_and_only_finite_numbers(tmp_path):
    def not_a_number(text):
        raise AssertionError(text)

    path = tmp_path / "figures.json"
    facts = {"pink": {"parameters": "3"}}
    options = {"hinted": {"p": pink}, "hint_counts": (3,), "seed": 4, "models": facts}
    results = replace(measure({"pink": pink}, **options), sources=("album",))
    results.write_json(path)
    content = json.loads(path.read_text("utf-8"), parse_constant=not_a_number)
    assert content["protocol"] == "native"
    assert content["photos"] == 3
    rows = [(row["name"], row["hints"]) for row in content["summary"]]
    assert rows == [("grey", None), ("constant", None), ("pink", None), ("p, 3 hints", 3)]
    assert len(content["scores"]) == 12
    assert content["seed"] == 4
    assert content["models"] == facts
    assert Results.read_json(path) == results
    assert Results.read_json(path).summary == results.summary
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written_says_so_and_leaves_nothing(tmp_path):
    with pytest.raises(CannotWrite, match=r"figures.json cannot be written"):
        measure().write_json(tmp_path / "missing" / "figures.json")
    (tmp_path / "folder").mkdir()
    with pytest.raises(CannotWrite):
        measure().write_json(tmp_path / "folder")
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("text", ["", "{}", '{"constant_ab": 3}', "[1]", None])
def test_what_are_no_results_is_refused(tmp_path, text):
    path = tmp_path / "figures.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(BadData, match=r"figures.json holds no results"):
        Results.read_json(path)


@pytest.mark.parametrize("damage", [{"tallies": []}, {"tallies": {}}, {"scores": []}])
def test_results_that_are_half_there_are_refused(tmp_path, damage):
    path = tmp_path / "figures.json"
    measure({"pink": pink}).write_json(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | damage))
    with pytest.raises(BadData, match=r"figures.json holds no results"):
        Results.read_json(path)


def test_rows_can_be_left_out_and_put_together_again():
    both = measure({"pink": pink, "stepped": stepped})
    one, other = both.only([Row("pink")]), both.only([Row("stepped")])
    assert list(map(str, one.rows)) == ["grey", "constant", "pink"]
    joined = one.joined(other)
    assert joined.summary == both.summary
    assert joined.tallies == both.tallies


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"protocol": "crop96"}, "they differ in their protocol: native and crop96"),
        ({"seed": 3}, "they differ in their seed: 0 and 3"),
        ({"n": 2}, "they differ in their photos"),
        ({"constant_ab": (1, 1)}, "they differ in their constant colour"),
        ({}, "both have a row pink"),
    ],
)
def test_what_was_not_measured_alike_is_not_put_together(options, sentence):
    with pytest.raises(BadData, match=sentence):
        measure({"pink": pink}).joined(measure({"pink": pink}, **options))


def test_csv_has_a_line_for_each_row_of_each_photo(tmp_path):
    results = measure({"pink": pink}, hinted={"p": pink}, hint_counts=(2,))
    results.write_csv(tmp_path / "figures.csv")
    with (tmp_path / "figures.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 12
    for line, score in zip(lines, results.scores, strict=True):
        assert float(line["psnr"]) == score.psnr
        assert line["name"] == str(score.row)
        assert line["jump"] == ("" if score.steps is None else str(score.steps.jump))
