"""What a result says of itself and of the photo that it was made of."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from photochrom.image.photo import Photo
from photochrom.image.provenance import MIXED, SOURCE_TYPE, Original, Provenance, now
from photochrom.image.writer import encode_photo
from tags import mark

PIXEL = Photo(np.zeros((2, 2, 3), np.uint8))


def test_an_original_is_told_by_its_name_and_content_and_not_by_its_folder(tmp_path):
    path = tmp_path / "grand\nmother.jpg"
    path.write_bytes(b"grey")
    digest = hashlib.sha256(b"grey").hexdigest()
    original = Original.at(path)
    assert original == Original(sha256=digest, name="grand\nmother.jpg", size=4)
    assert original.reference == (
        ("filePath", r"grand\nmother.jpg"),
        ("instanceID", f"nih:sha-256;{digest}"),
    )
    assert Original(sha256=digest).reference == (("instanceID", f"nih:sha-256;{digest}"),)


@pytest.mark.parametrize(
    ("told", "expected"), [("0", "1970-01-01T00:00:00Z"), ("1790000000", "2026-09-21T14:13:20Z")]
)
def test_the_time_may_be_given(monkeypatch, told, expected):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", told)
    assert now() == expected


@pytest.mark.parametrize("told", ["", "soon", "-1", "9" * 30, "1.5"])
def test_a_time_that_is_none_is_passed_over(monkeypatch, told):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", told)
    assert "2026" <= now() < "9"


def test_the_note_tells_the_versions_and_what_was_asked_for():
    told = Provenance(version="1", model="toy", model_version="2", clauses=("vivid 0.5", "1 hint"))
    assert told.note == "colorized by photochrom 1, model toy 2; vivid 0.5; 1 hint"
    assert (told.edit.system, told.edit.system_version) == ("photochrom, model toy", "1, model 2")
    assert told.edit.source_type == SOURCE_TYPE
    assert Provenance(version="1", model="toy").edit.system_version == "1"


def test_without_a_model_no_system_is_named():
    other = Provenance(version="1", clauses=("colours taken from edited.png",))
    assert other.note == "colorized by photochrom 1; colours taken from edited.png"
    assert (other.edit.system, other.edit.system_version) == ("", "")
    assert other.edit.source_type == MIXED
    assert b"AISystem" not in mark(PIXEL, model="", model_version="").xmp


def test_names_that_are_no_text_are_told_all_the_same():
    told = mark(PIXEL, "1\ud800", "to\ny", clauses=("colours of \udcff.png",))
    note = r"colorized by photochrom 1?, model to\ny 2; colours of ?.png"
    assert told.text == (("Software", note),)
    assert note.encode() in told.xmp
    assert not told.notes
    encode_photo(told, "PNG")
