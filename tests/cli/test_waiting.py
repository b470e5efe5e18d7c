"""What is shown of one thing that takes its time, and only then."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from photochrom import names
from photochrom.cli.waiting import PATIENCE, shown_if_long


class Alarm:
    """Rings when it is told to, and not by the clock."""

    def __init__(self, seconds, ring):
        self.seconds, self.ring, self.told = seconds, ring, []

    def start(self):
        self.told.append("start")

    def cancel(self):
        self.told.append("cancel")

    def join(self):
        self.told.append("join")


@pytest.fixture
def shown():
    def show(*, long: bool, terminal: bool = True, quiet: bool = False) -> tuple[str, list[Alarm]]:
        alarms = []
        console = Console(file=io.StringIO(), force_terminal=terminal, quiet=quiet)

        def later(seconds, ring):
            alarms.append(Alarm(seconds, ring))
            return alarms[-1]

        with shown_if_long("colouring", console=console, later=later):
            for alarm in alarms if long else []:
                alarm.ring()
        return console.file.getvalue(), alarms

    return show


def test_what_takes_longer_than_a_second_is_shown_and_leaves_no_trace(shown):
    text, (alarm,) = shown(long=True)
    assert alarm.seconds == PATIENCE == 1
    assert "colouring" in text
    assert "0:00:00" in text
    assert text.endswith("\x1b[1A\x1b[2K")  # up, and that line cleared
    assert alarm.told == ["start", "cancel", "join"]


def test_what_is_quick_shows_nothing(shown):
    text, (alarm,) = shown(long=False)
    assert "colouring" not in text
    assert alarm.told == ["start", "cancel", "join"]


@pytest.mark.parametrize("how", [{"terminal": False}, {"quiet": True}])
def test_a_pipe_and_who_wants_quiet_see_nothing(shown, how):
    assert shown(long=True, **how) == ("", [])


def test_quiet_is_that_of_the_command(monkeypatch):
    from photochrom.cli import options

    assert not options.console().quiet
    monkeypatch.setitem(names._talk, "quiet", True)
    assert options.console().quiet
