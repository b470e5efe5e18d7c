from __future__ import annotations

import csv
import io

import pytest

from photochrom.batch.worker import Outcome
from photochrom.cli.options import answer
from photochrom.cli.summary import Summary
from photochrom.names import is_plain, say, shown, write_table

ODD = {
    "two\nlines.jpg": r"two\nlines.jpg",
    "\x1b[2Jgone.jpg": r"\x1b[2Jgone.jpg",
    "bell\x07\x7f\x9b.jpg": r"bell\x07\x7f\x9b.jpg",
    "gpj.\u202eexe": r"gpj.\u202eexe",
    "a\u2028b\x85c\r.jpg": r"a\u2028b\x85c\r.jpg",
}


@pytest.mark.parametrize("name", ODD)
def test_what_would_not_be_seen_is_spelled_out(name):
    assert shown(name) == ODD[name]
    assert not is_plain(name)


@pytest.mark.parametrize("name", ["größe 🎞.jpg", "a'b\"c [red] %s.jpg", "\udce9.jpg", "日本.jpg"])
def test_other_names_are_left_alone(name):
    assert shown(name) == name
    assert is_plain(name)


def test_the_terminal_is_told_no_more_than_words(capsys):
    for name, spelled in ODD.items():
        say(f"{name} is bad.", f"in {name}")
        answer(name)
        told = capsys.readouterr()
        assert told.err == f"photochrom: {spelled} is bad.\nin {spelled}\n"
        assert told.out == f"{spelled}\n"


def test_what_came_of_a_photo_with_an_odd_name_is_told_on_one_line(capsys):
    summary = Summary(None, verbose=True)
    done = Outcome("a", "done", ("a\n/etc/b.jpg",), "", 0.1)
    failed = Outcome("\x1b]0;x", "failed", (), "\x1b]0;x fails", 0.1, "KeyError", "one\n\x1b two\n")
    summary.follow([done, failed], 1)
    assert summary.sum_up(quiet=True) == 1
    told = capsys.readouterr()
    assert told.out == "a\\n/etc/b.jpg\n"
    assert "\x1b]0" not in told.err
    assert told.err.splitlines()[-4:] == [
        "photochrom: \\x1b]0;x fails",
        "photochrom: KeyError",
        "one",
        "\\x1b two",
    ]


@pytest.mark.parametrize("name", ["=1+1.jpg", "+1.jpg", "-1.jpg", "@a.jpg", "\t=1.jpg", "\r=1.jpg"])
def test_no_cell_of_a_table_is_a_formula(name):
    file = io.StringIO(newline="")
    write_table(file, ("photo", "number"), [(name, -0.5), (f"a;{name}", 1)])
    assert list(csv.reader(io.StringIO(file.getvalue(), newline=""))) == [
        ["photo", "number"],
        [f"'{name}", "-0.5"],
        [f"a;{name}", "1"],
    ]
    assert f'"a;{name}"' in file.getvalue()  # where ";" parts cells, this is one all the same


def test_what_was_told_when_it_is_interrupted_is_in_the_report(tmp_path, monkeypatch):
    def interrupt(*results: str) -> None:
        answer(*results)
        raise KeyboardInterrupt

    summary = Summary(tmp_path / "report.csv")
    monkeypatch.setattr("photochrom.cli.summary.answer", interrupt)
    with pytest.raises(KeyboardInterrupt):
        summary.follow([Outcome("a.jpg", "done", ("b.jpg",), "", 0.1)], 3)
    summary.save()
    with summary.report.open(newline="") as file:
        assert [row["results"] for row in csv.DictReader(file)] == ["b.jpg"]
    assert "1 of 3 photos is done" in summary.interrupted()


def test_a_report_has_no_formulas_and_is_still_known_for_one(tmp_path):
    summary = Summary(tmp_path / "report.csv")
    summary.outcomes = [Outcome("=a.jpg", "failed", (), "@b", 0.25)]
    summary.save()
    with summary.report.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["photo"], row["words"], row["seconds"]) == ("'=a.jpg", "'@b", "0.25")
    from photochrom.cli.summary import check_report

    check_report(summary.report, force=False)
