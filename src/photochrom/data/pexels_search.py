"""The search of the Pexels API, within its limits: https://www.pexels.com/api/documentation/.

It takes 200 requests an hour and 20,000 a month, and tells in ``X-Ratelimit-Remaining`` and
``X-Ratelimit-Reset`` what is left of the month; an answer 429 tells nothing of that. Answers are
kept for a day, as Pexels asks for, so that to start again costs no requests.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from photochrom import files
from photochrom.errors import BadOption, PhotochromError
from photochrom.storage import https

KEY = "PEXELS_API_KEY"
PAGE = 80  # photos, the most that the API gives
HOUR = 200  # requests
PATIENCE = 3 * 3600.0  # seconds; a longer wait, as for the next month, is left to the user
_DAY = 86_400
_NO_HEADERS: Mapping[str, str] = {}
_MOST = 8_000_000  # bytes


def read_key() -> str:
    """The user's key.

    Raises:
        BadOption: there is none.
    """
    found = os.environ.get(KEY, "").strip()
    if not found:
        raise BadOption(
            f"The Pexels API needs a key: get one at https://www.pexels.com/api/ and put it into "
            f"the environment variable {KEY}."
        )
    if not found.isascii() or not found.isprintable():
        raise BadOption(f"{KEY} does not hold a key: copy it again.")
    return found


class PexelsSearch:
    """The API's search, within its limits.

    Args:
        api: its address.
        key: the user's.
        cache: a folder for answers.
        say: tells the user of waiting.
    """

    def __init__(self, api: str, key: str, cache: Path, say: Callable[[str], None]) -> None:
        https.check_url(api, https.is_local(api))
        self.api, self._key, self.cache, self.say = api.rstrip("/"), key, cache, say
        self._limits: Mapping[str, str] = {}
        fresh = [path.stat().st_mtime for path in cache.glob("*.json")]
        self._asked = sorted(moment for moment in fresh if moment > https.now() - 3600)

    def find_photos(self, query: str) -> Iterator[dict[str, Any]]:
        """What is found, one page after another."""
        seen: set[int] = set()
        number = 1
        while True:
            page = self._get_page(query, number)
            photos = [p for p in page["photos"] if _is_usable(p) and p["id"] not in seen]
            yield from photos
            seen.update(photo["id"] for photo in photos)
            if not photos or not page.get("next_page"):
                return
            number += 1

    def _get_page(self, query: str, number: int) -> dict[str, Any]:
        asked = urlencode({"query": query, "per_page": PAGE, "page": number})
        name = hashlib.sha256(f"{self.api}?{asked}".encode()).hexdigest()[:32]
        kept = self.cache / f"{name}.json"
        with contextlib.suppress(OSError, https.Unreachable):
            if kept.stat().st_mtime > https.now() - _DAY:
                return _parse_page(kept.read_bytes())
        body = self._ask(f"{self.api}/search?{asked}")
        files.write_bytes(kept, body)
        return _parse_page(body)

    def _ask(self, url: str) -> bytes:
        tries, refused = 0, 0
        while True:
            self._heed_limits()
            self._asked.append(https.now())
            status, headers = 0, _NO_HEADERS
            try:
                status, headers, body = https.fetch_url(
                    url, _MOST, local=https.is_local(url), headers={"Authorization": self._key}
                )
                if status == 200:
                    _parse_page(body)
                    self._limits = headers
                    return body
                trouble = f"error {status}"
            except https.Unreachable as error:
                trouble = str(error)
            if status in (401, 403):
                raise BadOption(
                    f"Pexels does not accept the key in {KEY} ({status}): "
                    "look it up at https://www.pexels.com/api/."
                )
            if status == 429:
                wait = https.requested_wait(headers)
                self._pause(min(3600, 60 * 2**refused) if wait is None else wait, "said: too many")
                refused += 1
                continue
            tries += 1
            if tries >= https.TRIES or 400 <= status < 500:
                raise PhotochromError(
                    f"{urlsplit(url).hostname} does not answer the search ({trouble}): start the "
                    "same command again later, and it goes on from here."
                )
            time.sleep(https.BACKOFF * 2 ** (tries - 1))

    def _heed_limits(self) -> None:
        """Wait where the next request would be one too many."""
        if self._limits.get("x-ratelimit-remaining", "").strip() == "0":
            wait, self._limits = https.requested_wait(self._limits), {}
            self._pause(3600.0 if wait is None else wait, "has no requests left for this key")
        self._asked = [moment for moment in self._asked if moment > https.now() - 3600]
        if len(self._asked) >= HOUR:
            self._pause(
                self._asked[-HOUR] + 3600 - https.now(),
                f"takes {HOUR} requests an hour, which were made",
            )

    def _pause(self, seconds: float, why: str) -> None:
        until = time.strftime("%H:%M on %d %B", time.localtime(https.now() + seconds))
        if seconds > PATIENCE:
            raise PhotochromError(
                f"Pexels {why}, until {until}: start the same command again then, "
                "and it goes on from here."
            )
        duration = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"
        self.say(f"Pexels {why}: waiting {duration}, until {until}.")
        time.sleep(seconds)


def _parse_page(body: bytes) -> dict[str, Any]:
    """A page of photos.

    Raises:
        Unreachable: it is none.
    """
    try:
        page = json.loads(body)
    except ValueError as error:
        raise https.Unreachable("the answer is no JSON") from error
    if not isinstance(page, dict) or not isinstance(page.get("photos"), list):
        raise https.Unreachable("the answer tells no photos")
    return page


def _is_usable(photo: Any) -> bool:
    """Whether the API tells all that is needed."""
    return (
        isinstance(photo, dict)
        and isinstance(photo.get("id"), int)
        and isinstance(photo.get("src"), dict)
    )
