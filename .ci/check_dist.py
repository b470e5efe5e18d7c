"""Check what would be published: python .ci/check_dist.py dist.

The wheel is small, has all that photochrom needs and nothing else; the sdist has the tests; and
the wheel alone, in a new environment far from this folder, colours the sample photos.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
MOST = 30e6
"""Bytes that a wheel may have."""
IN_WHEEL = [
    "photochrom/py.typed",
    "photochrom/weights/hintnet.onnx",
    "photochrom/weights/generator.md",
    "photochrom/weights/generator.onnx",
    "photochrom/weights/hintnet.md",
    "photochrom/image/font_files/",
    "photochrom/report/report.html",
    "photochrom/web/static/index.html",
    "photochrom/web/static/samples/",
]
IN_SDIST = [
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "docs/quickstart.md",
    "mkdocs.yml",
    "samples/coffee.jpg",
    "src/photochrom/weights/generator.onnx",
    "src/photochrom/weights/hintnet.onnx",
    "tests/conftest.py",
]


def check_contents(wheel: Path, sdist: Path) -> None:
    """Leave with a sentence if something is too much or missing."""
    if wheel.stat().st_size > MOST:
        sys.exit(f"{wheel.name} has {wheel.stat().st_size / 1e6:.1f} MB, of at most {MOST / 1e6}.")
    names = zipfile.ZipFile(wheel).namelist()
    foreign = [name for name in names if not name.startswith(("photochrom/", "photochrom-"))]
    if foreign:
        sys.exit(f"{wheel.name} would install {foreign}, which is not part of the package.")
    _require(wheel.name, names, IN_WHEEL)
    if not any(name.endswith("/licenses/LICENSE") for name in names):
        sys.exit(f"{wheel.name} lacks the licence.")
    with tarfile.open(sdist) as archive:
        files = [name.partition("/")[2] for name in archive.getnames()]
    _require(sdist.name, files, IN_SDIST)


def _require(archive: str, names: list[str], wanted: list[str]) -> None:
    missing = [want for want in wanted if not any(name.startswith(want) for name in names)]
    if missing:
        sys.exit(f"{archive} lacks {', '.join(missing)}.")


def try_wheel(wheel: Path) -> None:
    """Install the wheel and colour the samples with it, where this folder is not to be found."""
    with tempfile.TemporaryDirectory() as place:
        away = Path(place)
        shutil.copytree(ROOT / "samples", away / "samples")
        venv.create(away / "venv", with_pip=True)
        programs = away / "venv" / ("Scripts" if os.name == "nt" else "bin")
        plain = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

        def run(*command: object) -> str:
            program, *rest = map(str, command)
            ran = [str(programs / program), *rest]
            done = subprocess.run(ran, cwd=away, env=plain, stdout=subprocess.PIPE, text=True)
            if done.returncode:
                sys.exit(f"{program} {' '.join(rest)} failed with {done.returncode}.")
            return done.stdout.strip()

        pins = ROOT / "requirements" / "demo.txt"
        run("pip", "install", "--quiet", "--constraint", pins, wheel)
        version = wheel.name.split("-")[1]
        if (told := run("photochrom", "--version")) != f"photochrom {version}":
            sys.exit(f"photochrom --version of {wheel.name} says {told}.")
        home = Path(run("python", "-c", "import photochrom; print(photochrom.__file__)"))
        if not home.is_relative_to(away.resolve()):
            sys.exit(f"The package is taken from {home} and not from the wheel.")
        run("photochrom", "colorize", "samples", "--recolor", "-o", "coloured")
        photos, results = (sorted((away / name).glob("*.jpg")) for name in ("samples", "coloured"))
        if len(photos) != len(results):
            sys.exit(f"Of {len(photos)} samples {len(results)} were coloured.")
        run("photochrom", "sheet", "samples", "--out", "sheet.jpg")
        print(f"{wheel.name} works by itself: {len(results)} samples coloured.")


if __name__ == "__main__":
    (built,), (packed,) = (list(Path(sys.argv[1]).glob(kind)) for kind in ("*.whl", "*.tar.gz"))
    check_contents(built.resolve(), packed)
    try_wheel(built.resolve())
