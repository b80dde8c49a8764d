"""Fetch a bundle over http or https, with bounds on size and time."""

from __future__ import annotations

import base64
import http.client
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

from bundle.container import MAX_ARCHIVE_BYTES
from deploy.clock import Clock
from deploy.errors import SourceError

SILENT_S = 10.0
LIMIT_S = 300.0
_BLOCK = 64 * 1024

Tell = Callable[[int, int], None]  # bytes so far, bytes in all (0: not known)


def download(url: str, clock: Clock, tell: Tell, *, limit_s: float = LIMIT_S) -> bytes:
    """Return what a server gives for a URL, with NAME:PASSWORD@ in it or not. Raises SourceError.

    No proof of the server is needed: the bundle's signature says whose it is.
    """
    name = shown(url)
    try:
        with _opener().open(_request(url), timeout=SILENT_S) as answer:
            return _read(answer, name, clock, tell, limit_s)
    except urllib.error.HTTPError as error:
        error.close()
        raise SourceError(f"{name}: {_refusal(error)}") from error
    except TimeoutError as error:
        raise SourceError(f"{name}: silent for {SILENT_S:g} s: look at the network") from error
    except urllib.error.URLError as error:
        raise SourceError(f"{name} cannot be reached ({_unreached(error.reason)}") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise SourceError(
            f"{name} cannot be fetched ({_why(error)}): look at the address, or bring it on a stick"
        ) from error


def shown(url: str) -> str:
    """Return a URL as it may be shown: without a password in it."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    except ValueError:
        return "this address"


def _request(url: str) -> urllib.request.Request:
    """Return the request; name and password go to the server of the address and to no other."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    plain = parts._replace(netloc=host).geturl()
    request = urllib.request.Request(plain)  # noqa: S310, our opener knows http(s) only
    if at:
        word = base64.b64encode(unquote(user).encode("utf-8")).decode("ascii")
        request.add_unredirected_header("Authorization", f"Basic {word}")
    return request


def _refusal(error: urllib.error.HTTPError) -> str:
    """Return what a server's refusal means, and what to do."""
    if error.code in (401, 403):
        return f"the server says {error.code}, it wants to know who asks: http://NAME:PASSWORD@..."
    if 300 <= error.code < 400:
        return f"the server says {error.code}, and leads nowhere: look at the address"
    if error.code >= 500:
        return f"the server says {error.code}, it is in trouble: try again later"
    return f"the server says {error.code}: look at the address"


def _unreached(reason: object) -> str:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return (
            f"{reason.verify_message}): nobody here vouches for this server; with http:// it need "
            "not be vouched for, since the bundle is signed"
        )
    return f"{_why(reason)}): look at the address and the network"


def _why(error: object) -> str:
    """Return a reason in one line, without the numbers that only a programmer knows."""
    text = (isinstance(error, OSError) and error.strerror) or str(error)
    return " ".join(text.split()) or type(error).__name__


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
    said = answer.headers.get("Content-Length") or "0"
    # What is no number says nothing; the bundle itself is what is checked.
    total, data = int(said) if said.isascii() and said.isdigit() else 0, bytearray()
    end_ns = clock.now_ns() + round(limit_s * 1e9)
    if total > MAX_ARCHIVE_BYTES:
        raise SourceError(
            f"{name} has {total} bytes; a bundle has at most {MAX_ARCHIVE_BYTES}: "
            "is it the right file?"
        )
    while block := answer.read1(_BLOCK):
        data += block
        if len(data) > MAX_ARCHIVE_BYTES:
            raise SourceError(
                f"{name} has more bytes than a bundle may ({MAX_ARCHIVE_BYTES}): "
                "is it the right file?"
            )
        if clock.now_ns() > end_ns:
            raise SourceError(f"{name} takes longer than {limit_s:g} s: bring it on a USB stick")
        tell(len(data), total)
    if total and len(data) != total:
        raise SourceError(f"{name} ended after {len(data)} of {total} bytes: try again")
    return bytes(data)
