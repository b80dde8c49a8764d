"""The machines of a training: their addresses from TF_CONFIG, and waiting until all are there."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bundle.manifest import first_fault
from training.errors import OptionError, RunError

WAIT_S = 600.0
_RETRY_S = 0.5
_LINE_BYTES = 256
_EXAMPLE = (
    '{"cluster": {"worker": ["10.0.0.1:12345", "10.0.0.2:12345"]}, '
    '"task": {"type": "worker", "index": 0}}'
)


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class _Members(_Entry):
    worker: tuple[str, ...] = Field(min_length=1)


class _Task(_Entry):
    type: Literal["worker"]
    index: int = Field(ge=0)


class _TfConfig(_Entry):
    cluster: _Members
    task: _Task


@dataclass(frozen=True, slots=True)
class Cluster:
    """All workers by (host, port), and the place of this process; the first one is the chief."""

    addresses: tuple[tuple[str, int], ...]
    index: int

    @property
    def is_chief(self) -> bool:
        """Tell whether this process is the first."""
        return self.index == 0


def read_cluster(text: str | None = None) -> Cluster:
    """Return the cluster that the environment variable TF_CONFIG describes. Raises OptionError."""
    text = os.environ.get("TF_CONFIG") if text is None else text
    if not text:
        raise OptionError(
            "--strategy multi-worker asks for the machines in the environment variable TF_CONFIG, "
            f"on the first one: {_EXAMPLE}"
        )
    try:
        config = _TfConfig.model_validate_json(text)
    except ValidationError as error:
        raise OptionError(
            f"TF_CONFIG is wrong: {first_fault(error)}; an example: {_EXAMPLE}"
        ) from error
    addresses = tuple(_parse(address) for address in config.cluster.worker)
    if len(set(addresses)) < len(addresses):
        raise OptionError("TF_CONFIG is wrong: cluster.worker holds an address twice")
    if config.task.index >= len(addresses):
        raise OptionError(
            f"TF_CONFIG is wrong: task.index is {config.task.index}, and there are "
            f"{len(addresses)} workers, counted from 0"
        )
    return Cluster(addresses, config.task.index)


def await_workers(
    cluster: Cluster,
    say: Callable[[str], None],
    clock: Callable[[], float],
    wait_s: float = WAIT_S,
) -> None:
    """Return when every worker has been started. Raises RunError when one does not come.

    TensorFlow itself would wait for ever, deaf to Ctrl-C and to SIGTERM. The chief listens at its
    address until all have called; TensorFlow takes the same port afterwards.
    """
    if len(cluster.addresses) == 1:
        return
    until_s = clock() + wait_s
    if cluster.is_chief:
        _receive(cluster, say, clock, until_s)
    else:
        _call(cluster, say, clock, until_s)


def _receive(
    cluster: Cluster, say: Callable[[str], None], clock: Callable[[], float], until_s: float
) -> None:
    missing = set(range(1, len(cluster.addresses)))
    callers: list[socket.socket] = []
    port = cluster.addresses[0][1]
    try:
        with socket.create_server(("", port)) as server:
            server.settimeout(_RETRY_S)
            say(f"waiting for {_workers(missing, cluster)}")
            while missing:
                caller = _accept(server)
                if caller is not None:
                    callers.append(caller)
                    missing.discard(_read_index(caller, cluster))
                elif clock() > until_s:
                    raise RunError(f"no call from {_workers(missing, cluster)}: is it started?")
            for caller in callers:
                caller.sendall(_greeting(cluster, 0))
    except OSError as error:
        raise RunError(f"cannot listen on port {port}: {error.strerror}") from error
    finally:
        for caller in callers:
            caller.close()


def _call(
    cluster: Cluster, say: Callable[[str], None], clock: Callable[[], float], until_s: float
) -> None:
    host, port = cluster.addresses[0]
    say(f"waiting for the chief at {host}:{port}")
    pause = threading.Event()
    while not _greet(cluster, clock, until_s):
        if clock() > until_s:
            raise RunError(f"the chief at {host}:{port} does not answer: is it started?")
        pause.wait(_RETRY_S)


def _greet(cluster: Cluster, clock: Callable[[], float], until_s: float) -> bool:
    """Call the chief once; True when it answers that all are there."""
    try:
        with socket.create_connection(cluster.addresses[0], timeout=_RETRY_S * 4) as line:
            line.sendall(_greeting(cluster, cluster.index))
            while clock() <= until_s:
                try:
                    answer = line.recv(_LINE_BYTES)
                except TimeoutError:
                    continue
                return answer.startswith(_greeting(cluster, 0).strip())
    except OSError:
        pass
    return False


def _read_index(caller: socket.socket, cluster: Cluster) -> int | None:
    """Return which worker calls; None for anything else that found the port."""
    caller.settimeout(_RETRY_S * 4)
    try:
        line = caller.recv(_LINE_BYTES)
    except OSError:
        return None
    for index in range(1, len(cluster.addresses)):
        if line.strip() == _greeting(cluster, index).strip():
            return index
    return None


def _accept(server: socket.socket) -> socket.socket | None:
    try:
        return server.accept()[0]
    except TimeoutError:
        return None


def _greeting(cluster: Cluster, index: int) -> bytes:
    return f"linewarden train {index} of {len(cluster.addresses)}\n".encode()


def _workers(missing: set[int], cluster: Cluster) -> str:
    named = [
        f"worker {index} at {cluster.addresses[index][0]}:{cluster.addresses[index][1]}"
        for index in sorted(missing)
    ]
    return ", ".join(named)


def _parse(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise OptionError(f"TF_CONFIG is wrong: {address!r} is no HOST:PORT")
    return host, int(port)
