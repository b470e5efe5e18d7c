"""Fetching over HTTP with care: only where it is safe, never more than asked for, or cut short."""

from __future__ import annotations

import email.utils
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from photochrom import __version__
from photochrom.errors import BadOption, PhotochromError

AGENT = f"photochrom/{__version__} (a photo colorizer; python-urllib)"
TIMEOUT = 30.0
"""Seconds without a byte after which a connection counts as cut."""
TRIES = 4
"""How often something is asked for before it counts as failed."""
BACKOFF = 1.0
"""Seconds before the second try; doubled before each further one."""
_LOCAL = ("localhost", "127.0.0.1", "::1")
_HOPS = 5


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    status: int
    headers: Mapping[str, str]
    """By their names in lower case."""
    body: bytes


class Unreachable(PhotochromError):
    """No whole answer came; it may come another time."""


def check(url: str, local: bool) -> None:
    """That a URL may be asked.

    Args:
        url: the URL.
        local: whether the request began on this machine, where https is not needed.

    Raises:
        BadOption: it may not.
    """
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return
    if not (parts.scheme == "http" and local and parts.hostname in _LOCAL):
        raise BadOption(f"{url} is not a https address: give one that is.")


def is_local(url: str) -> bool:
    """Whether a URL names this machine."""
    return urlsplit(url).hostname in _LOCAL


def get(url: str, most: int, headers: Mapping[str, str] | None = None) -> Answer:
    """Ask for a URL, following redirects.

    Args:
        url: the URL.
        most: bytes beyond which an answer is not read.
        headers: are sent to the URL's own server alone, and not to where that redirects.

    Raises:
        BadOption: the URL, or one it redirects to, may not be asked.
        Unreachable: no answer, one cut short, one too long, or redirects without end.
    """
    local, origin = is_local(url), urlsplit(url)[:2]
    for _ in range(_HOPS + 1):
        check(url, local)
        own = dict(headers or {}) if urlsplit(url)[:2] == origin else {}
        answer = _ask(url, most, {"User-Agent": AGENT} | own)
        if answer.status not in (301, 302, 303, 307, 308) or "location" not in answer.headers:
            return answer
        url = urljoin(url, answer.headers["location"])
    raise Unreachable(f"{urlsplit(url).hostname} redirects without end")


def _ask(url: str, most: int, headers: Mapping[str, str]) -> Answer:
    request = urllib.request.Request(url, headers=dict(headers))  # noqa: S310 - checked above
    try:
        try:
            response = _OPENER.open(request, timeout=TIMEOUT)
        except urllib.error.HTTPError as error:  # which is an answer as well
            response = error
        with response:
            told = {name.lower(): value for name, value in response.headers.items()}
            body = response.read(most + 1)
            left = told.get("content-length", "")
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise Unreachable(f"no whole answer ({reason or type(error).__name__})") from error
    if len(body) > most or (left.isdigit() and int(left) > most):
        raise Unreachable(f"the answer has more than {most:,} bytes")
    if left.isdigit() and len(body) < int(left):
        raise Unreachable(f"cut off after {len(body):,} of {left} bytes")
    return Answer(int(response.status or 0), told, body)


class _Stay(urllib.request.HTTPRedirectHandler):
    """Leaves redirects to :func:`get`, which looks where they lead."""

    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_Stay)


def wait_told(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that a server wants us to wait, by Retry-After or X-Ratelimit-Reset; None: unsaid."""
    after = headers.get("retry-after", "").strip()
    if after.isdigit():
        return float(after)
    if after:
        try:
            return max(0.0, email.utils.parsedate_to_datetime(after).timestamp() - now)
        except ValueError:
            pass
    reset = headers.get("x-ratelimit-reset", "").strip()
    if reset.isdigit():
        # a moment by definition, but some servers tell how long
        return max(0.0, int(reset) - now) if int(reset) > 1e8 else float(reset)
    return None


def now() -> float:
    """Seconds since 1970."""
    return time.time()
