"""The agent as a process: signals, logging, exit."""

from __future__ import annotations

import faulthandler
import gc
import logging
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from agent.clock import SystemClock
from agent.config.document import Config, read_config
from agent.errors import ConfigError
from agent.journal import formatter_for
from agent.notify import Notifier
from agent.unconfigured import WHAT_NEXT, is_unconfigured, wait_for_start
from agent.waiting import WaitingPlant

if TYPE_CHECKING:
    from agent.service import Service

# A lane that waits for the interpreter lock gets it after this time. With Python's default of
# 5 ms a verdict could wait that long behind the telemetry lane.
SWITCH_INTERVAL_S = 0.0005


def run_agent(config_path: Path) -> bool:
    """Run the agent until SIGTERM or SIGINT; False when it ended by itself.

    Under systemd a wrong configuration, a missing gate and whatever else keeps it from starting
    are told and waited for; in a terminal they are errors. Raises ConfigError, ModelError,
    LedgerError, BrokerError or GateError there.
    """
    faulthandler.enable()  # the watchdog's SIGABRT leaves all stacks in the journal
    log_to_stderr()
    stop = threading.Event()
    address = os.environ.get("NOTIFY_SOCKET")
    notifier = Notifier(address)
    if not address:
        config = _config_or_error(config_path)
        stop_on_signals(stop)
        service: Service | None = _build(config, notifier, waits=False)
    else:
        stop_on_signals(stop)
        service = wait_for_start(
            config_path,
            lambda config: _build(config, notifier, waits=True),
            notifier,
            stop,
            plant=WaitingPlant(SystemClock()),
        )
    return service is None or service.run(stop)


def _config_or_error(path: Path) -> Config:
    if is_unconfigured(path):
        raise ConfigError(f"{path} is missing or empty: {WHAT_NEXT}")
    return read_config(path)


def _build(config: Config, notifier: Notifier, *, waits: bool) -> Service:
    # Loaded only now: an agent that waits for its configuration needs no camera and no model.
    from agent.service import Service

    service = Service(config, SystemClock(), notifier, waits_for_gate=waits)
    tune_interpreter()
    return service


def stop_on_signals(stop: threading.Event) -> None:
    """Set `stop` on SIGTERM or SIGINT.

    A handler that set the event itself could meet the main thread inside of its wait, and hang:
    an event's lock is not reentrant. A SimpleQueue may be put into from a handler.
    """
    asked: queue.SimpleQueue[int] = queue.SimpleQueue()

    def wait() -> None:
        asked.get()
        stop.set()

    threading.Thread(target=wait, name="lw-signals", daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: asked.put(received))


def tune_interpreter() -> None:
    """Let waiting lanes have the interpreter soon; call it when all is loaded and built.

    A full garbage collection walks all that there is with every lane standing still: 13 to 55 ms
    on a fast x86 core. What lives as long as the process is taken out of it.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.collect()
    gc.freeze()


def log_to_stderr(level: int = logging.INFO) -> None:
    """Log one line per event; the journal adds the time, and takes the level from the line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter_for(sys.stderr, os.environ.get("JOURNAL_STREAM")))
    logging.basicConfig(level=level, handlers=[handler])
