"""TLS to the broker: which certificates we believe, and who we are by our own."""

from __future__ import annotations

import os
import ssl

from agent.config.document import Mqtt
from agent.errors import BrokerError

# What OpenSSL says of a certificate whose time has not come, or is over, by our clock.
_BY_THE_CLOCK = ("not yet valid", "has expired")


def tls_context(section: Mqtt) -> ssl.SSLContext:
    """Return what checks the broker's certificate and name, with our own certificate if we have.

    Raises BrokerError for a file that cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=section.ca_file)
    except OSError as error:  # an SSLError is one
        raise BrokerError(f"mqtt.ca_file {section.ca_file} cannot be used: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if section.cert_file:
        _identify(context, section)
    return context


def clock_advice(failure: str, *, known: bool) -> str:
    """Return what to add to a failure that a wrong wall clock can cause; empty for others.

    A board without a battery starts in the past: it waits for the time service and tries again.
    """
    if known or not any(words in failure for words in _BY_THE_CLOCK):
        return ""
    return "; the wall clock is not known to be right: it waits for the time service (clock)"


def _identify(context: ssl.SSLContext, section: Mqtt) -> None:
    for key, path in (("cert_file", section.cert_file), ("key_file", section.key_file)):
        if path and not os.access(path, os.R_OK):
            raise BrokerError(f"mqtt.{key} {path} cannot be read: look at its name and its rights")
    try:
        # Never asked on a terminal: a device starts by itself.
        context.load_cert_chain(section.cert_file, section.key_file or None, password=lambda: b"")
    except (OSError, ValueError) as error:
        raise BrokerError(
            f"mqtt.cert_file {section.cert_file} cannot be used: {error}; it must hold a "
            "certificate in PEM, and key_file the key to it without a passphrase"
        ) from error
