"""The agent as a process: signals, logging, exit."""

from __future__ import annotations

import faulthandler
import logging
import os
import queue
import signal
import sys
import threading
from pathlib import Path

from agent.clock import SystemClock
from agent.config import read_config
from agent.notify import Notifier
from agent.service import Service

# A lane that waits for the interpreter lock gets it after this time. With Python's default of
# 5 ms a verdict could wait that long behind the telemetry lane.
SWITCH_INTERVAL_S = 0.0005


def run_agent(config_path: Path) -> bool:
    """Run the agent until SIGTERM or SIGINT; False when it ended by itself.

    Raises ConfigError, ModelError, LedgerError or GateError when it cannot start.
    """
    faulthandler.enable()  # the watchdog's SIGABRT leaves all stacks in the journal
    log_to_stderr()
    config = read_config(config_path)
    tune_interpreter()
    stop = threading.Event()
    stop_on_signals(stop)
    service = Service(config, SystemClock(), Notifier(os.environ.get("NOTIFY_SOCKET")))
    return service.run(stop)


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
    """Let waiting lanes have the interpreter soon."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)


def log_to_stderr(level: int = logging.INFO) -> None:
    """Log one line per event; the journal adds the time."""
    logging.basicConfig(
        level=level, stream=sys.stderr, format="level=%(levelname)s %(name)s: %(message)s"
    )
