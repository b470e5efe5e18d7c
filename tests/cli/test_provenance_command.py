"""What the command line tells of where a result comes from, and how it is made again."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from commands import run
from photochrom.image.photo import Photo
from photochrom.image.writer import write_photo

PACKET = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
    b'xmp:Rating="4"><dc:source>Box 12</dc:source></rdf:Description></rdf:RDF></x:xmpmeta>'
)


@pytest.fixture
def model(make_model) -> Path:
    return make_model(hints=0.1, metadata={"name": "toy", "version": "2"})


def exiftool(path: Path) -> dict:
    """What another program reads there."""
    if not shutil.which("exiftool"):
        pytest.skip("exiftool is not installed")
    command = ["exiftool", "-j", "-G1", "-struct", path]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)[0]


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_other_programs_read_where_a_result_comes_from(model, scene, tmp_path, suffix):
    photo = write_photo(Photo(scene, xmp=PACKET), tmp_path / f"grandmother.{suffix}")
    given = ("--hint", "3,3,red", "--hint", "9,9,blue")
    assert run("colorize", photo, "--model", model, *given, "--strength", "0.9") == 0
    told = exiftool(tmp_path / f"grandmother.color.{suffix}")
    digest = hashlib.sha256(photo.read_bytes()).hexdigest()
    assert told["XMP-xmpMM:DerivedFrom"] == {
        "FilePath": f"grandmother.{suffix}",
        "InstanceID": f"nih:sha-256;{digest}",
    }
    assert told["XMP-iptcExt:AISystemUsed"] == "photochrom, model toy"
    assert told["XMP-iptcExt:AISystemVersionUsed"].endswith(", model 2")
    assert "compositeWithTrainedAlgorithmicMedia" in told["XMP-iptcExt:DigitalSourceType"]
    (event,) = told["XMP-xmpMM:History"]
    assert (event["Action"], event["When"]) == ("edited", "2026:09:21 14:13:20Z")
    assert event["Parameters"].endswith(", model toy 2; strength 0.9; 2 hints")
    assert event["SoftwareAgent"] == told["XMP-xmp:CreatorTool"]
    assert (told["XMP-dc:Source"], told["XMP-xmp:Rating"]) == ("Box 12", 4)


def test_what_is_stripped_or_not_marked_names_no_original(model, scene, tmp_path):
    photo = write_photo(Photo(scene), tmp_path / "grandmother.png")
    stripped, unmarked = tmp_path / "stripped.png", tmp_path / "unmarked.png"
    assert run("colorize", photo, "-o", stripped, "--strip", "--model", model) == 0
    assert run("colorize", photo, "-o", unmarked, "--no-mark", "--model", model) == 0
    digest = hashlib.sha256(photo.read_bytes()).hexdigest().encode()
    assert b"grandmother" not in stripped.read_bytes()
    assert digest in stripped.read_bytes()
    assert digest not in unmarked.read_bytes()
