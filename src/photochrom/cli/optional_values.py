"""Flags whose value may be left out, although what follows them may be a photo."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path


def fill_optional_values(arguments: Sequence[str]) -> list[str]:
    """The arguments with a value after each bare ``--ray`` and ``--caption``.

    What follows ``--ray`` is its value where it looks like an address; what follows ``--caption``
    where it looks like no photo, folder or flag. As ``--caption=TEXT`` any text can be given.
    """
    words = list(arguments)
    for flag, is_value, usual in _FLAGS:
        if flag in words:
            after = words.index(flag) + 1
            if not (after < len(words) and is_value(words[after])):
                words[after - 1 : after] = usual()
    return words


def _is_address(word: str) -> bool:
    return word in ("auto", "local") or re.match(r"ray://|[\w.-]+:\d+$", word) is not None


def _is_text(word: str) -> bool:
    if word.startswith("-") or "://" in word or word.endswith(("/", os.sep)):
        return False
    from photochrom.image.reader import PHOTO_SUFFIXES

    looks_like_path = Path(word).suffix.lower() in PHOTO_SUFFIXES or (
        "*" in word and " " not in word
    )
    return not looks_like_path and not os.path.lexists(word)


def _usual_address() -> list[str]:
    return ["--ray", "local"]


def _usual_caption() -> list[str]:
    from photochrom.image.caption import CAPTION

    return [f"--caption={CAPTION}"]


_FLAGS = (
    ("--ray", _is_address, _usual_address),
    ("--caption", _is_text, _usual_caption),
)
"""Each flag, whether a word is its value, and what stands for it where there is none."""
