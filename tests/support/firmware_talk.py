"""A host in conversation with the firmware on its board."""

from __future__ import annotations

from firmware_board import BoardFirmware
from firmware_host import BOOT, CONFIG, MS, Host

from agent.gates import messages
from agent.gates.codes import ReportKind

FOREVER = 2**62


def board(at_us=0, config=CONFIG):
    """Return a host in conversation with a board whose counter begins at `at_us`."""
    host = Host(firmware=BoardFirmware(BOOT, at_us))
    host.now_us = at_us
    return host.greet(config)


def skip(host, until_us):
    """Let time pass quickly, with heartbeat."""
    while host.now_us < until_us:
        host.now_us = min(host.now_us + 100 * MS, until_us)
        host.say(messages.Ping(host.now_us))


def record_all(host):
    """Tell the board that all it has reported so far is recorded."""
    triggers = [(ReportKind.TRIGGER, told.part) for told in host.all(messages.Trigger)]
    outcomes = [(ReportKind.OUTCOME, told.part) for told in host.all(messages.Outcome)]
    marks = sorted(set(triggers + outcomes))
    for at in range(0, len(marks), messages.MAX_RECORDED):
        host.say(messages.Recorded(tuple(marks[at : at + messages.MAX_RECORDED])))
    host.heard.clear()
