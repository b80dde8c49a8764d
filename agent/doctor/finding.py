"""One thing that was looked at: how it is, and what to type where it is not well."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Level(str, Enum):
    """How it is. A fault keeps the line from judging; a warning may, later; a note is neither."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about a subject, and what comes next; `next` is empty where all is well."""

    subject: str
    level: Level
    text: str
    next: str = ""


def ok(subject: str, text: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(subject, Level.OK, text)


def note(subject: str, text: str) -> Finding:
    """Return what is good to know, and asks for nothing at once."""
    return Finding(subject, Level.NOTE, text)


def warning(subject: str, text: str, following: str) -> Finding:
    """Return a finding that may become a fault."""
    return Finding(subject, Level.WARNING, text, following)


def fault(subject: str, text: str, following: str) -> Finding:
    """Return a finding that keeps the line from judging."""
    return Finding(subject, Level.FAULT, text, following)
