"""Fetching over HTTPS with care: only where it is safe, never more than asked for, or cut short."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from photochrom import __version__
from photochrom.errors import BadOption, MissingExtra, PhotochromError

try:
    import httpx
except ImportError as error:
    raise MissingExtra("httpx", "fetch") from error

TRIES = 4
"""How often something is asked for before it counts as failed."""
BACKOFF = 1.0
"""Seconds before the second try; doubled before each further one."""
_TIMEOUT = 30.0
"""Seconds without a byte after which a connection counts as cut."""
_LOCAL = ("localhost", "127.0.0.1", "::1")
_HOPS = 5


_T = TypeVar("_T")


class Reply(NamedTuple):
    """What a server said."""

    status: int
    headers: Mapping[str, str]
    """By their names in any case."""
    body: bytes


class Unreachable(PhotochromError):
    """No whole answer came; it may come another time.

    Args:
        trouble: what happened instead, which makes a part of a sentence.
        wait: seconds that the server wants us to wait.
    """

    def __init__(self, trouble: str, wait: float = 0.0) -> None:
        super().__init__(trouble)
        self.wait = wait


def check_url(url: str, local: bool) -> None:
    """Refuse a URL that may not be asked.

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


def may_pass(status: int) -> bool:
    """Whether a server that answers so may think better of it."""
    return status in (408, 425, 429) or status >= 500


def keep_trying(attempt: Callable[[], _T], gained: Callable[[], bool] = lambda: False) -> _T:
    """Repeat what fails for now, with pauses that grow.

    Args:
        attempt: what to try.
        gained: whether the last try has brought something, so that they are counted anew.

    Raises:
        Unreachable: it failed :data:`TRIES` times.
    """
    tries = 0
    while True:
        try:
            return attempt()
        except Unreachable as error:
            tries = 1 if gained() else tries + 1
            if tries >= TRIES:
                raise
            time.sleep(max(BACKOFF * 2 ** (tries - 1), min(60.0, error.wait)))


def is_local(url: str) -> bool:
    """Whether a URL names this machine."""
    return urlsplit(url).hostname in _LOCAL


def fetch_url(
    url: str, most: int, *, local: bool = False, headers: Mapping[str, str] | None = None
) -> Reply:
    """Ask for a URL, following redirects.

    Args:
        url: the URL.
        most: bytes beyond which an answer is not read.
        local: whether it may be of this machine, see :func:`check_url`.
        headers: to send; Authorization goes to the URL's own server alone, and not to where that
            redirects.

    Raises:
        BadOption: the URL, or one it redirects to, may not be asked.
        Unreachable: no answer, one cut short, one too long, or redirects without end.
    """
    with open_url(url, local=local, headers=headers) as response:
        return Reply(response.status_code, response.headers, _read(response, most))


@contextmanager
def open_url(
    url: str, *, local: bool = False, headers: Mapping[str, str] | None = None
) -> Iterator[httpx.Response]:
    """Ask for a URL, following redirects, and hold its answer open; arguments as above.

    Raises:
        BadOption: the URL, or one it redirects to, may not be asked.
        Unreachable: no answer, one cut short while it is read here, or redirects without end.
    """
    try:
        request = _client().build_request("GET", url, headers=headers)
        for _ in range(_HOPS + 1):
            check_url(str(request.url), local)
            response = _client().send(request, stream=True)
            try:
                if response.next_request is None:
                    yield response
                    return
                request = response.next_request
            finally:
                response.close()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        reason = str(error) or type(error).__name__
        raise Unreachable(f"no whole answer ({reason})") from error
    raise Unreachable(f"{request.url.host} redirects without end")


@cache
def _client() -> httpx.Client:
    """One for all threads, as it keeps connections."""
    agent = f"photochrom/{__version__} (a photo colorizer; python-httpx)"
    headers = {"User-Agent": agent, "Accept-Encoding": "identity"}
    return httpx.Client(headers=headers, timeout=_TIMEOUT)


def _read(response: httpx.Response, most: int) -> bytes:
    """The body as it was sent, as what is compressed may become any size."""
    size, body = response.headers.get("content-length", ""), bytearray()
    parts = response.iter_raw()
    too_long = size.isdigit() and int(size) > most
    while not too_long and (part := next(parts, None)) is not None:
        body += part
        too_long = len(body) > most
    if too_long:
        raise Unreachable(f"the answer has more than {most:,} bytes")
    return bytes(body)


def requested_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server wants us to wait, by Retry-After or X-Ratelimit-Reset; None: unsaid."""
    after = headers.get("retry-after", "").strip()
    if after.isdigit():
        return float(after)
    if after:
        try:
            return max(0.0, email.utils.parsedate_to_datetime(after).timestamp() - now())
        except ValueError:
            pass
    reset = headers.get("x-ratelimit-reset", "").strip()
    if reset.isdigit():
        # a moment by definition, but some servers tell how long
        return max(0.0, int(reset) - now()) if int(reset) > 1e8 else float(reset)
    return None


def now() -> float:
    """Seconds since 1970."""
    return time.time()
