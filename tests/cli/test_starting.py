"""What is loaded before a command works, so that it begins soon."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from photochrom.cli.starting import load_ahead, photos_at_once, without_collector
from photochrom.errors import BadModel

ENGINE = {"cv2", "numpy", "onnxruntime", "PIL"}
NEVER = {"fastapi", "pydantic", "scipy", "starlette", "torch", "uvicorn"}
SHOWN = {"rich"}
"""What shows progress, on a terminal."""
OTHERS = {"asyncio", "imagecodecs", "tifffile", "typeguard", "unittest", "urllib.request"}
"""What other libraries, other formats or other ways in need."""
SCARCE = {"numpy.random", "pillow_heif", "PIL.ImageCms", "PIL.ImageFont", "PIL.PdfImagePlugin"}


def modules(*arguments: object) -> set[str]:
    """All that a command has loaded when it ends."""
    code = (
        "import sys\nfrom photochrom.cli.main import main\ntry: main()\n"
        "finally: print('loaded', *sys.modules)"
    )
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("loaded ")[2].split())


@pytest.mark.parametrize(
    ("asked", "absent"),
    [
        ("--version", ENGINE | NEVER | SHOWN | OTHERS | {"tyro", "concurrent.futures"}),
        ("--help", ENGINE | NEVER | SHOWN | {"typeguard", "unittest"}),
        ("colorize --help", ENGINE | NEVER | SHOWN | OTHERS),
    ],
)
def test_help_loads_no_engine(asked, absent):
    assert not absent & modules(*asked.split())


def test_a_photo_loads_only_what_it_needs(photo, model):
    jpeg = photo.with_suffix(".jpg")
    loaded = modules("colorize", photo, "--model", model, "-o", jpeg)
    assert jpeg.exists()
    assert loaded >= ENGINE
    assert not (NEVER | SHOWN | OTHERS | SCARCE) & loaded


def test_one_photo_has_all_cores_and_others_share_them(tmp_path, monkeypatch):
    monkeypatch.setattr("photochrom.parallel.cores", lambda: 4)
    one = tmp_path / "one.jpg"
    one.write_bytes(b"")
    assert photos_at_once([str(one)], None) == photos_at_once(["-"], 3) == 1
    assert [photos_at_once([str(one)] * n, None) for n in (2, 3, 9)] == [2, 3, 4]
    assert photos_at_once([str(tmp_path)], None) == photos_at_once([str(tmp_path)] * 2, None) == 4
    assert photos_at_once([f"{tmp_path}/*.jpg"], 3) == 3


def test_a_model_that_is_none_says_so_where_it_is_waited_for(tmp_path):
    model = load_ahead([str(tmp_path)], None, str(tmp_path / "none.onnx"), "cpu")
    assert model is not None
    with pytest.raises(BadModel):
        model()


def test_what_would_be_fetched_is_not_loaded_ahead(tmp_path):
    assert load_ahead([str(tmp_path)], None, "hf://owner/name", "cpu") is None


def test_the_collector_works_again_whatever_happens():
    def fail() -> None:
        with without_collector():
            assert not gc.isenabled()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert gc.isenabled()
    gc.unfreeze()
