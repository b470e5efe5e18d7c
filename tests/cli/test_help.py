"""The help of every command reads right, and a mistake is answered with what was meant."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from commands import run
from photochrom.cli import main
from photochrom.training.presets import PRESETS

INNER = {"data": ("pexels", "curate", "pack"), "train": tuple(PRESETS)}
ALL = [
    *main.COMMANDS,
    *(f"{name} {inner}" for name, known in INNER.items() for inner in known),
]


@pytest.fixture
def helped(capsys, monkeypatch):
    def show(command: str, columns: int) -> str:
        monkeypatch.setenv("COLUMNS", str(columns))
        assert run(*command.split(), "--help") == 0
        return capsys.readouterr().out

    return show


@pytest.mark.parametrize("columns", [80, 100])
@pytest.mark.parametrize("command", ALL)
def test_no_help_shows_how_python_spells_a_value(command, columns, helped):
    text = helped(command, columns)
    words = " ".join(text.translate(str.maketrans("", "", "│╭╮╰╯─")).split())
    assert not re.search(r"\bNone\b|\bTrue\b|\bFalse\b|\(default: ?\)|\b(FLOAT|INT|STR)\b", words)
    headings = re.findall(r"╭─ (.*?) ─", text)
    assert len(set(headings)) == len(headings)
    assert all(len(set(heading.split())) == len(heading.split()) for heading in headings)
    assert max(map(len, text.splitlines())) <= columns


@pytest.mark.parametrize("command", ALL)
def test_every_flag_says_what_it_does(command, helped):
    lines = [line.strip("│ ") for line in helped(command, 100).splitlines()]
    for i, line in enumerate(lines):
        if found := re.match(r"(-\S+( \S+)?, )*--[\w-]+( (?! )\S+)?", line):
            said = line[found.end() :] or lines[i + 1]
            assert re.search(r"[a-z]{2}", said), line


def test_the_whole_help_lists_each_command_and_what_is_common(helped):
    text = helped("", 80)
    assert [name for name in main.COMMANDS if f"\n  {name} " in text] == [*main.COMMANDS]
    for flag in ("--version", "--quiet", "--verbose", "--tyro-write-completion"):
        assert flag in text
    assert max(map(len, text.splitlines())) <= 80


def test_help_is_also_asked_for_in_words(helped, capsys):
    expected = helped("colorize", 80)
    assert run("help", "colorize") == 0
    assert capsys.readouterr().out == expected


def test_without_a_command_there_is_a_short_help_and_it_counts_as_a_mistake(capsys):
    assert run() == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "photochrom colorize grandmother.jpg" in said.err
    assert "photochrom --help" in said.err
    assert len(said.err.splitlines()) < 10


def test_what_turns_something_off_says_so_and_what_can_be_both_is_named_as_both(helped):
    words = " ".join(helped("colorize", 100).split())
    assert "--no-mark do not note" in words
    words = " ".join(helped("train hintnet", 100).split())
    assert "--pretrained, --no-pretrained" in words
    assert "ImageNet weights (default: yes)" in words


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("colourize x.jpg", "colorize"),
        ("colorise x.jpg", "colorize"),
        ("colourise", "colorize"),
        ("grandmother.jpg", "photochrom colorize grandmother.jpg"),
        ("data pexls", "pexels"),
        ("train hintne --data x --out y", "hintnet"),
        ("colorize x.jpg --recolour", "--recolor"),
        ("colorize x.jpg --vivd 1", "--vivid"),
        ("train hintnet --data x --out y --batsh 3", "--batch"),
        ("--quite", "--quiet"),
    ],
)
def test_what_is_misspelt_is_answered_with_what_was_meant(asked, meant, capsys):
    assert run(*asked.split()) == 2
    said = capsys.readouterr().err
    assert f": did you mean {meant}? See photochrom " in said
    assert len(said.splitlines()) == 1


def test_what_is_like_nothing_gets_no_suggestion(capsys):
    assert run("paint") == 2
    assert (
        capsys.readouterr().err == "photochrom: There is no command paint: see photochrom --help.\n"
    )


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("colo", ["colorize"]), ("data cur", ["curate"]), ("colorize --viv", ["--vivid"])],
)
def test_bash_completes_what_is_typed(typed, offered, tmp_path):
    bash = shutil.which("bash") or pytest.skip("there is no bash")
    script = tmp_path / "photochrom"
    assert run("--tyro-write-completion", "bash", script) == 0
    subprocess.run([bash, "-n", script], check=True)
    words = typed.split()
    ask = (
        f"source {script}; COMP_WORDS=(photochrom {typed}) COMP_CWORD={len(words)}; "
        f"COMP_LINE='photochrom {typed}' COMP_POINT={len(typed) + 11}; "
        'set -- photochrom "${COMP_WORDS[COMP_CWORD]}"; _tyro_photochrom "$@"; '
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    told = subprocess.run([bash, "-c", ask], capture_output=True, text=True, check=True)
    assert told.stdout.split() == offered


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_a_script_too(shell, tmp_path):
    script = tmp_path / "completion"
    assert run("--tyro-write-completion", shell, script) == 0
    assert "colorize" in script.read_text()
