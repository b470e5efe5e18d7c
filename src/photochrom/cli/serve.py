"""A page in the browser: serve."""

from __future__ import annotations

import math
import os
import re
import socket
import threading
import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from tyro.conf import UseAppendAction

from photochrom.cli.flags import NUMBER, WHOLE, flag
from photochrom.cli.options import Model
from photochrom.errors import BadOption
from photochrom.names import say
from photochrom.parallel import cores

_VARIABLE = "PHOTOCHROM_TOKEN"


def serve(
    open: Annotated[bool, flag("open the page in the browser")] = False,  # noqa: A002
    host: Annotated[str, flag("address to listen at", "ADDRESS")] = "127.0.0.1",
    port: Annotated[int, flag("port to listen at; 0 for any that is free", WHOLE)] = 8000,
    model: Model = None,
    token: Annotated[
        str | None,
        flag(
            "what those who use it have to show: /?token=...; others on this machine can see "
            f"it here, but not in the environment variable {_VARIABLE}",
            "TEXT",
        ),
    ] = None,
    token_file: Annotated[Path | None, flag("a file that holds the token", "FILE")] = None,
    allowed_host: Annotated[
        UseAppendAction[tuple[str, ...]],
        flag(
            "name by which a proxy before it is reached, as photos.example.org; may be given "
            "several times",
            "NAME",
        ),
    ] = (),
    root_path: Annotated[
        str, flag("path at which a proxy before it shows the page, as /colour", "PATH")
    ] = "",
    trust_proxy: Annotated[
        UseAppendAction[tuple[str, ...]],
        flag(
            "address or network of a proxy on another machine, which is believed about whom it "
            "asks for; may be given several times",
            "ADDRESS",
        ),
    ] = (),
    workers: Annotated[
        int | None,
        flag(
            "processes for previews, and as many for files; by default one per core, from 2 to 8",
            WHOLE,
        ),
    ] = None,
    metrics: Annotated[
        bool, flag("answer /api/metrics: figures for operators, as Prometheus has them")
    ] = False,
    max_megabytes: Annotated[float, flag("largest file that is taken", NUMBER)] = 64,
    max_megapixels: Annotated[float, flag("largest photo that is taken", NUMBER)] = 100,
) -> int:
    """Open a page on which one colours photographs and corrects them by pointing at things.

    Nothing leaves this machine. Example: photochrom serve --open
    """
    from photochrom.web import create_app
    from photochrom.web.access import Proxies
    from photochrom.web.app import LOOPBACK
    from photochrom.web.server import run_server
    from photochrom.web.services import ServerLimits

    if not (0 < max_megabytes < math.inf and 0 < max_megapixels < math.inf):
        raise BadOption(
            "--max-megabytes and --max-megapixels have to be above 0: give such numbers."
        )
    workers = min(max(cores(), 2), 8) if workers is None else workers
    if workers < 1:
        raise BadOption(f"--workers is {workers}: give 1 or more.")
    root_path = _check_root_path(root_path)
    try:
        proxies = Proxies(trust_proxy)
    except ValueError as error:
        raise BadOption(
            f"--trust-proxy: {error}: give an address, as 10.0.0.5, or a network, as 10.0.0.0/24."
        ) from error
    token = _find_token(token, token_file)
    public = {_check_host_name(name) for name in allowed_host}
    local = host in LOOPBACK
    app = create_app(
        model=model,
        hosts={*LOOPBACK, *public} if local else {*LOOPBACK, *public, host.lower(), *_own_names()},
        token=token,
        limits=ServerLimits(
            megabytes=max_megabytes,
            megapixels=max_megapixels,
            at_once=workers,
            # Twice as many as there are cores: alone a photo is quicker, in a crowd no slower.
            threads=min(cores(), max(1, 2 * cores() // workers)),
        ),
        root_path=root_path,
        proxies=proxies,
        metrics=metrics,
    )
    listener = _listen(host, port)
    address = (
        f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}{root_path}/"
    )
    if public or not local:
        who = "whoever has the token" if token else "anybody who reaches it, without a token,"
        places = ", ".join(sorted(public | (set() if local else {host})))
        say(f"{places}: open to other machines, so {who} can use this computer's time.")
    if token:
        address += f"?token={quote(token, safe='')}"
    say(f"Open {address} (Ctrl-C ends).")
    if open:
        threading.Timer(0.5, webbrowser.open, [address]).start()
    with suppress(KeyboardInterrupt):  # which uvicorn passes on when all is done
        run_server(app, listener, proxies)
    return 0


def _check_host_name(name: str) -> str:
    """The name of a host, in lower case.

    Raises:
        BadOption: it is more than that, or less.
    """
    plain = name.lower().strip("[]").rstrip(".")
    if not re.fullmatch(r"[\w.:-]+", plain, re.ASCII) or re.search(r"[^:]:\d*$", plain):
        raise BadOption(
            f"--allowed-host {name} is no name: give it alone, as in photos.example.org, without "
            "https:// and without a port."
        )
    return plain


def _check_root_path(path: str) -> str:
    """The path with a slash before it and none behind; "" for none.

    Raises:
        BadOption: it is none, or one of the page's own.
    """
    plain = path.strip("/")
    parts = plain.split("/")
    if not plain:
        return ""
    if parts[0] in ("api", "static") or not all(
        re.fullmatch(r"[\w.~-]+", part, re.ASCII) and part.strip(".") for part in parts
    ):
        raise BadOption(
            f"--root-path {path} cannot be: give one as /colour, of letters, digits and - . _ ~, "
            "that does not begin with /api or /static."
        )
    return f"/{plain}"


def _find_token(given: str | None, file: Path | None) -> str | None:
    """The token, which may come in one of three ways; None for none.

    Raises:
        BadOption: it comes in two, cannot be read, or cannot be shown.
    """
    ways = {
        "--token": given,
        "--token-file": None if file is None else _read(file),
        _VARIABLE: os.environ.get(_VARIABLE),
    }
    found = {way: token for way, token in ways.items() if token is not None}
    if len(found) > 1:
        raise BadOption(f"There are two tokens, of {' and '.join(found)}: leave one out.")
    for way, token in found.items():
        if not (token.isascii() and token.isprintable() and token.strip()):
            raise BadOption(
                f"The token of {way} has to be of letters, digits and signs: give another."
            )
        return token
    return None


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise BadOption(
            f"Cannot read the token in {file} ({reason}): name a text file that holds it."
        ) from error


def _own_names() -> set[str]:
    """What other machines call this one."""
    name = socket.gethostname().lower()
    return {name, f"{name}.local"}


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port < 65536:
        raise BadOption(f"port is {port}: give a number from 0 to 65535.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Told that it is TCP, asyncio sends each answer at once instead of waiting for its like.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name == "posix":  # elsewhere it would share the port with another program
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, UnicodeError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise BadOption(
            f"Cannot listen at {host}, port {port} ({reason}): choose another --port or --host."
        ) from error
    return listener
