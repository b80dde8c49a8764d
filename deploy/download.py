"""Fetch a bundle over http or https, with bounds on size and time."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from bundle.container import MAX_ARCHIVE_BYTES
from deploy.clock import Clock
from deploy.errors import SourceError

SILENT_S = 10.0
LIMIT_S = 300.0
_BLOCK = 64 * 1024

Tell = Callable[[int, int], None]  # bytes so far, bytes in all (0: not known)


def download(url: str, clock: Clock, tell: Tell, *, limit_s: float = LIMIT_S) -> bytes:
    """Return what a server gives for a URL. Raises SourceError.

    No proof of the server is needed: the bundle's signature says whose it is.
    """
    name = shown(url)
    try:
        with _opener().open(url, timeout=SILENT_S) as answer:
            return _read(answer, name, clock, tell, limit_s)
    except urllib.error.HTTPError as error:
        error.close()
        raise SourceError(f"{name}: the server says {error.code} {error.reason}") from error
    except TimeoutError as error:
        raise SourceError(f"{name}: silent for {SILENT_S:g} s: look at the network") from error
    except urllib.error.URLError as error:
        raise SourceError(f"{name} cannot be reached: {error.reason}") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise SourceError(f"{name} cannot be fetched: {error or type(error).__name__}") from error


def shown(url: str) -> str:
    """Return a URL as it may be shown: without a password in it."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    except ValueError:
        return "this address"


def _opener() -> urllib.request.OpenerDirector:
    """Return an opener of http and https only: a redirect to file:// or ftp:// leads nowhere."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.UnknownHandler,
    ):
        opener.add_handler(handler())
    return opener


def _read(answer: Any, name: str, clock: Clock, tell: Tell, limit_s: float) -> bytes:
    total, data = int(answer.headers.get("Content-Length") or 0), bytearray()
    end_ns = clock.now_ns() + round(limit_s * 1e9)
    if total > MAX_ARCHIVE_BYTES:
        raise SourceError(f"{name} has {total} bytes; a bundle has at most {MAX_ARCHIVE_BYTES}")
    while block := answer.read1(_BLOCK):
        data += block
        if len(data) > MAX_ARCHIVE_BYTES:
            raise SourceError(f"{name} has more bytes than a bundle may: {MAX_ARCHIVE_BYTES}")
        if clock.now_ns() > end_ns:
            raise SourceError(f"{name} takes longer than {limit_s:g} s: bring it on a USB stick")
        tell(len(data), total)
    if total and len(data) != total:
        raise SourceError(f"{name} ended after {len(data)} of {total} bytes: try again")
    return bytes(data)
