"""An ONNX file as bytes, once nothing in it reaches beyond it.

A model may say that its weights lie in other files, by any path, or call operators that come with
the runtime or are loaded into it. A colorizer needs neither, so both are refused before a runtime
sees the file. What is looked at are the messages of onnx.proto that lead to either; the format is
that of protobuf: a number of the field and a kind, then a number, or a length and so many bytes.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from photochrom.errors import BadModel

MOST_BYTES = (1 << 31) - 1
"""More does not fit into a message of protobuf."""
MOST_FIELDS = 1_000_000
"""Parts that are looked at; the bundled model has some thousands."""
_DOMAINS = (b"", b"ai.onnx")
"""Of the operators that the standard knows, which is one domain by two names."""
_INSIDE = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
"""Messages by the fields of others that hold them."""
_GRAPH, _METADATA = 7, 14
"""Of a model."""
_DOMAIN, _EXTERNAL_DATA, _DATA_LOCATION = ("node", 7), ("tensor", 13), ("tensor", 14)
_NUMBER, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5


def read(path: Path) -> bytes:
    """Read a model that is whole in its file and made of ONNX's own operators.

    Raises:
        BadModel: it is not, is no ONNX file, or cannot be read.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadModel(f"{path} is too large for an ONNX model: check the path.")
        data = path.read_bytes()
    except OSError as error:
        raise BadModel(f"{path} cannot be read ({error.strerror}): check the file.") from error
    try:
        _check(memoryview(data), path)
    except (IndexError, ValueError) as error:
        raise BadModel(
            f"{path} cannot be loaded as an ONNX model (it is cut short, or none): "
            "export or fetch it again."
        ) from error
    return data


def read_metadata(path: Path) -> dict[str, str]:
    """Read what a model says of itself, without loading it.

    Raises:
        BadModel: it cannot be read, or is none.
    """
    try:
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        ):
            return parse_metadata(mapped)
    except OSError as error:
        raise BadModel(f"{path} cannot be read ({error.strerror}): check the file.") from error
    except (IndexError, KeyError, ValueError) as error:
        raise BadModel(f"{path} is cut short, or no ONNX model: fetch it again.") from error


def parse_metadata(data: Any) -> dict[str, str]:
    """What the model in a buffer says of itself.

    Raises:
        IndexError, KeyError, ValueError: it is none.
    """
    pairs = [_fields(pair) for field, pair in _parts(data) if field == _METADATA]
    return {pair[1].decode(): pair[2].decode() for pair in pairs}


def _fields(message: bytes) -> dict[int, bytes]:
    return dict(_parts(message))


def _parts(data: Any) -> Iterator[tuple[int, bytes]]:
    """The fields of a message that hold bytes, but for the graph, and their numbers."""
    at = 0
    while at < len(data):
        tag, at = _number(data, at)
        if tag & 7 == _BYTES:
            length, at = _number(data, at)
            if at + length > len(data):
                raise ValueError("cut short")
            if tag >> 3 != _GRAPH:
                yield tag >> 3, bytes(data[at : at + length])
            at += length
        elif tag & 7 == _NUMBER:
            _, at = _number(data, at)
        elif tag & 7 in (_EIGHT_BYTES, _FOUR_BYTES):
            at += 8 if tag & 7 == _EIGHT_BYTES else 4
        else:
            raise ValueError(f"a field of kind {tag & 7}")


def _check(data: memoryview, path: Path) -> None:
    """Go through the messages; without recursion, as they may lie in each other at any depth.

    Raises:
        BadModel: one reaches beyond the file.
        IndexError, ValueError: this is not what protobuf writes.
    """
    if not data:
        raise ValueError
    waiting, fields = [("model", 0, len(data))], 0
    while waiting:
        kind, at, end = waiting.pop()
        while at < end:
            fields += 1
            if fields > MOST_FIELDS:
                raise BadModel(f"{path} has more parts than any colorizer: take another model.")
            tag, at = _number(data, at)
            if tag >= 1 << 32:  # which a parser might cut to another
                raise ValueError(f"a field numbered {tag >> 3}")
            field, form = (kind, tag >> 3), tag & 7
            if form == _NUMBER:
                value, at = _number(data, at)
                if field == _DATA_LOCATION and value:
                    raise _elsewhere(path)
            elif form == _BYTES:
                length, start = _number(data, at)
                at = start + length
                if at > end:
                    raise ValueError("cut short")
                if field == _EXTERNAL_DATA:
                    raise _elsewhere(path)
                if field == _DOMAIN and (domain := data[start:at]) not in _DOMAINS:
                    name = bytes(domain[:60]).decode(errors="replace")
                    raise BadModel(
                        f"{path} calls operators of {name}, which photochrom does not run: export "
                        "it with those of ONNX itself."
                    )
                if inside := _INSIDE[kind].get(field[1]):
                    waiting.append((inside, start, at))
            elif form in (_EIGHT_BYTES, _FOUR_BYTES):
                at += 8 if form == _EIGHT_BYTES else 4
            else:
                raise ValueError(f"a field of kind {form}")
        if at != end:
            raise ValueError("a field goes beyond its message")


def _number(data: Any, at: int) -> tuple[int, int]:
    """A number, 7 bits a byte, the lowest first; and where the next thing is."""
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number without end")


def _elsewhere(path: Path) -> BadModel:
    return BadModel(f"{path} keeps weights in other files: export it whole, into one file.")
