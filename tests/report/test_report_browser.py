"""The page in a browser that reaches no network: whether it fits, and whether it complains."""

import os
import re
import shutil
import subprocess

import pytest

from photochrom.evaluation.rows import Row
from photochrom.report import document
from photochrom.report.examples import Gallery
from photochrom.report.runs import read_study
from studies import finder

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="no browser: apt-get install chromium"),
]
OFF = ("gpu", "quic", "background-networking", "component-update", "sync")
QUIET = ["--headless", "--no-first-run", *(f"--disable-{part}" for part in OFF)]
QUIET += ["--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr"]
MEASURE = """<script>
addEventListener("load", () => {
  const page = document.documentElement;
  const broken = [...document.images].filter(i => !i.complete || !i.naturalWidth).length;
  const wide = [...document.querySelectorAll("body *")].filter(e => !e.closest(".box") &&
    e.getBoundingClientRect().right > innerWidth + 1).length;
  const paper = getComputedStyle(document.body).backgroundColor;
  parent.postMessage([innerWidth, page.scrollWidth, broken, wide, paper].join(" | "), "*");
});
</script>"""
FRAME = """<!DOCTYPE html><meta charset="utf-8">
<script>addEventListener("message", e => document.documentElement.dataset.told = e.data);</script>
<iframe src="copy.html" style="width: {width}px; height: 900px; border: 0"></iframe>"""
"""A window is never narrower than 500 pixels; a frame may be."""
SCHEMES = {"dark": 0, "light": 1}
"""Chromium's numbers for what the user prefers."""


@pytest.fixture(scope="module")
def page(workshop, tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    album, paints = workshop.album(folder / "album"), workshop.paints
    runs = [
        workshop.run(album, folder / "a-rather-long-name-of-a-run-that-nobody-broke",
                     model="cnn-rgb", rgb=paints.own_rgb),
        workshop.run(album, folder / "unet-lab", size=64),
        workshop.run(album, folder / "lab-mse", paints.flat(1, 5),
                     model="unet-lab", alpha=1.0, size=64),
        workshop.run(album, folder / "unet-bins", paints.stepped),
    ]  # fmt: skip
    study = read_study(runs, workshop.presets)
    find = finder(album)
    painters = {Row(run.name): paints.flat(5, 10) for run in runs[1:]}
    painters |= {Row("unet-bins"): paints.stepped}
    path = folder / "report.html"
    document.write_report(study, path, Gallery(study.results, painters, find))
    return path


def browse(path, tmp_path, *flags):
    """What chromium prints and what it complains of."""
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    command = [CHROMIUM, *QUIET, *root, f"--user-data-dir={tmp_path / 'profile'}", *flags]
    done = subprocess.run(
        [*command, "--dump-dom", path.as_uri()],
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def test_the_browser_has_nothing_to_complain_of(page, tmp_path):
    dom, complaints = browse(page, tmp_path)
    assert complaints == []
    assert "Everything measured" in dom


@pytest.mark.parametrize("scheme", list(SCHEMES))
@pytest.mark.parametrize("width", [320, 1280])
def test_the_page_fits(page, tmp_path, width, scheme):
    # A copy that may run one script: the page itself forbids all of them.
    html = re.sub(r'<meta http-equiv="Content-Security-Policy".*?>', "", page.read_text("utf-8"))
    copy, frame = tmp_path / "copy.html", tmp_path / "frame.html"
    copy.write_text(html.replace("</body>", f"{MEASURE}</body>"), encoding="utf-8")
    frame.write_text(FRAME.format(width=width), "utf-8")
    flag = f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}"
    dom, complaints = browse(frame, tmp_path, "--window-size=1400,1000", flag)
    told = re.search(r'data-told="([^"]*)"', dom)
    assert told
    inner, scroll, broken, wide, paper = told[1].split(" | ")
    assert complaints == []
    assert int(inner) == width
    assert int(scroll) <= width
    assert (broken, wide) == ("0", "0")
    red = int(re.findall(r"\d+", paper)[0])
    assert red < 60 if scheme == "dark" else red > 200
