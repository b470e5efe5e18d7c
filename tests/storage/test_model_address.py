"""Addresses of models are read strictly: what is odd is refused, never guessed at."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photochrom.errors import BadOption
from photochrom.storage.model_address import ModelAddress, is_address, parse_address

SHA = "ab" * 32


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("hf://me/x", ModelAddress("hf://me/x", None, "me/x")),
        (str(Path("hf://me/x")), ModelAddress("hf://me/x", None, "me/x")),
        ("hf://me/x@v1.0", ModelAddress("hf://me/x@v1.0", None, "me/x", "v1.0")),
        (
            "hf://me/x@refs%2Fpr%2F1",
            ModelAddress("hf://me/x@refs%2Fpr%2F1", None, "me/x", "refs/pr/1"),
        ),
        (
            "hf://me/x@v1/a/b.onnx",
            ModelAddress("hf://me/x@v1/a/b.onnx", None, "me/x", "v1", "a/b.onnx"),
        ),
        (f"hf://me/x#sha256={SHA.upper()}", ModelAddress("hf://me/x", SHA, "me/x")),
        (f"https://a.org/m.onnx?x=1#sha256={SHA}", ModelAddress("https://a.org/m.onnx?x=1", SHA)),
    ],
)
def test_an_address_says_it_all_in_one_string(text, address):
    assert parse_address(text) == address
    assert parse_address(text.partition("#")[0], address.sha256 or SHA).source == address.source


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hf://me", "names no model of the Hub"),
        ("hf://../x", "names no model of the Hub"),
        ("hf://me/x@", "names no model of the Hub"),
        ("hf://me/x/../../y.onnx", "names no model of the Hub"),
        ("hf://me/x/model.bin", "names no .onnx file"),
        ("hf://me/x#main", "ends in #main"),
        ("hf://me/x#sha256=12", "12 is no SHA-256"),
        ("hf://me/x#sha256=", "Nothing is no SHA-256"),
        ("hf://me/a b", "is no address of a model"),
        ("ftp://a.org/m.onnx", "is no address of a model"),
        ("https://a.org/m.onnx", "add #sha256="),
        (f"https://:8/m.onnx#sha256={SHA}", "check how it is written"),
        (f"https://[a/m.onnx#sha256={SHA}", "check how it is written"),
        (f"https://me:secret@a.org/m.onnx#sha256={SHA}", "leave it out"),
    ],
)
def test_what_is_no_address_has_a_sentence(text, words):
    assert is_address(text)
    with pytest.raises(BadOption, match=words) as refused:
        parse_address(text)
    assert "secret" not in str(refused.value)


def test_two_digests_have_to_agree():
    assert parse_address(f"hf://me/x#sha256={SHA}", SHA.upper()).sha256 == SHA
    with pytest.raises(BadOption, match="two different"):
        parse_address(f"hf://me/x#sha256={SHA}", "cd" * 32)


@pytest.mark.parametrize(
    "name", ["hintnet", "a/b.onnx", "C:\\models\\a.onnx", "C:/a.onnx", "hf", ""]
)
def test_names_and_paths_are_no_addresses(name):
    assert not is_address(name)


PARTS = st.lists(
    st.sampled_from(
        ["hf://", "https://", "http:/", "me", "/", "x", "@", "v1", "..", "%2F", "%00", "#"]
    )
    | st.sampled_from([".onnx", "#sha256=", SHA, "?", ":", "\\", "[", "\n", "é"])
    | st.text(max_size=3),
    max_size=9,
)


@given(PARTS.map("".join))
def test_whatever_is_written_is_an_address_that_leads_nowhere_else_or_is_refused(text):
    try:
        address = parse_address(text)
    except BadOption:
        return
    assert parse_address(address.source, address.sha256) == address
    if address.repository is None:
        assert address.sha256 is not None
        assert urlsplit(address.source).hostname
        return
    assert address.repository.count("/") == 1
    places = [*address.repository.split("/"), *(address.file or "x").split("/")]
    assert not {"", ".", ".."} & set(places)
