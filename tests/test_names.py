from __future__ import annotations

import csv
import io

import pytest

from photochrom.cli.options import print_result
from photochrom.names import escape_controls, is_plain, say, write_table

ODD = {
    "two\nlines.jpg": r"two\nlines.jpg",
    "\x1b[2Jgone.jpg": r"\x1b[2Jgone.jpg",
    "bell\x07\x7f\x9b.jpg": r"bell\x07\x7f\x9b.jpg",
    "gpj.\u202eexe": r"gpj.\u202eexe",
    "a\u2028b\x85c\r.jpg": r"a\u2028b\x85c\r.jpg",
}


@pytest.mark.parametrize("name", ODD)
def test_what_would_not_be_seen_is_spelled_out(name):
    assert escape_controls(name) == ODD[name]
    assert not is_plain(name)


@pytest.mark.parametrize("name", ["größe 🎞.jpg", "a'b\"c [red] %s.jpg", "\udce9.jpg", "日本.jpg"])
def test_other_names_are_left_alone(name):
    assert escape_controls(name) == name
    assert is_plain(name)


def test_the_terminal_is_told_no_more_than_words(capsys):
    for name, spelled in ODD.items():
        say(f"{name} is bad.", f"in {name}")
        print_result(name)
        told = capsys.readouterr()
        assert told.err == f"photochrom: {spelled} is bad.\nin {spelled}\n"
        assert told.out == f"{spelled}\n"


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
