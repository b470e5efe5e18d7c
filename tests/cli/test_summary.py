"""What a user is told of many photos, and the report of them."""

from __future__ import annotations

import csv

import pytest

from photochrom import names
from photochrom.batch.worker import Outcome
from photochrom.cli.options import print_result
from photochrom.cli.summary import BatchSummary, check_report


def test_what_came_of_a_photo_with_an_odd_name_is_told_on_one_line(capsys):
    names.set_talk(quiet=False, verbose=True)
    summary = BatchSummary(None)
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


def test_what_was_told_when_it_is_interrupted_is_in_the_report(tmp_path, monkeypatch):
    def interrupt(*results: str) -> None:
        print_result(*results)
        raise KeyboardInterrupt

    summary = BatchSummary(tmp_path / "report.csv")
    monkeypatch.setattr("photochrom.cli.summary.print_result", interrupt)
    with pytest.raises(KeyboardInterrupt):
        summary.follow([Outcome("a.jpg", "done", ("b.jpg",), "", 0.1)], 3)
    summary.save()
    with summary.report.open(newline="") as file:
        assert [row["results"] for row in csv.DictReader(file)] == ["b.jpg"]
    assert "1 of 3 photos is done" in summary.interrupted()


def test_a_report_has_no_formulas_and_is_still_known_for_one(tmp_path):
    summary = BatchSummary(tmp_path / "report.csv")
    summary.outcomes = [Outcome("=a.jpg", "failed", (), "@b", 0.25)]
    summary.save()
    with summary.report.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["photo"], row["words"], row["seconds"]) == ("'=a.jpg", "'@b", "0.25")
    check_report(summary.report, force=False)


def test_one_is_singular(capsys):
    summary = BatchSummary(None)
    summary.counts["skipped"], summary.expected = 1, 1
    assert summary.sum_up(quiet=False) == 0
    assert "1 of 1 photo was done before." in capsys.readouterr().err
    assert "1 of 1 photo is done, and no result is half written;" in summary.interrupted()
    summary.counts["skipped"], summary.expected = 1200, 3000
    assert "1,200 of 3,000 photos are done, and no result is half written;" in summary.interrupted()
