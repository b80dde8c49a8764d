"""What an audit found out about contents, kept between runs; damage only costs time."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import sqlite3
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

from pydantic import BaseModel, TypeAdapter, ValidationError

from training import containers, pictures
from training.audit import features, measures, modes, parts, shortlist
from training.audit.measures import Content
from training.audit.parts import PartGroups

FILE_NAME = "audit.sqlite3"

_WAIT_S = 10
_TABLE = "CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, crc INTEGER, body BLOB)"
_CONTENT, _GROUPS = TypeAdapter(Content), TypeAdapter(PartGroups)


def default_cache() -> Path:
    """Return the user's folder for what can be made again."""
    base = os.environ.get("XDG_CACHE_HOME") or ""
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "linewarden"


class AuditCache:
    """Keeps figures and groupings by the hash of what they were made of, and of the code.

    Nothing here raises for a cache that is damaged, locked or cannot be written: `fault` then says
    what is wrong, and the audit does the work anew.
    """

    def __init__(self, folder: Path | None) -> None:
        self._path = None if folder is None else folder / FILE_NAME
        self.fault = ""

    def contents(self, hashes: Iterable[str]) -> dict[str, Content]:
        """Return the figures that are known of contents, by their SHA-256."""
        keys = {_key("content", _MEASURING, sha): sha for sha in hashes}
        found: dict[str, Content] = {}
        for key, body in self._read(keys).items():
            content = _parse_content(body)
            if content is not None:
                found[keys[key]] = content
        return found

    def keep_contents(self, contents: Mapping[str, Content]) -> None:
        """Keep the figures of contents."""
        self._write(
            {
                _key("content", _MEASURING, sha): _content_body(content)
                for sha, content in contents.items()
            }
        )

    def groups(self, hashes: Sequence[str], labels: Sequence[str]) -> PartGroups | None:
        """Return how exactly these contents with these labels were grouped, if that is known."""
        key = _groups_key(hashes, labels)
        body = self._read([key]).get(key)
        try:
            found = None if body is None else _GROUPS.validate_json(body)
        except ValidationError:
            return None
        return found if found is not None and len(found.part_of) == len(hashes) else None

    def keep_groups(self, hashes: Sequence[str], labels: Sequence[str], groups: PartGroups) -> None:
        """Keep a grouping."""
        self._write({_groups_key(hashes, labels): _GROUPS.dump_json(groups)})

    def _read(self, keys: Iterable[str]) -> dict[str, bytes]:
        if self._path is None or not self._path.is_file():
            return {}
        try:
            with closing(sqlite3.connect(self._path, timeout=_WAIT_S)) as base:
                base.execute(_TABLE)
                return _bodies(base, keys)
        except sqlite3.OperationalError as error:  # locked, or not ours to read
            self.fault = f"the cache {self._path} cannot be read: {error}"
        except (sqlite3.DatabaseError, TypeError):
            self._discard()
        return {}

    def _write(self, rows: Mapping[str, bytes]) -> None:
        if self._path is None or not rows:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._path, timeout=_WAIT_S)) as base, base:
                base.execute(_TABLE)
                base.executemany(
                    "INSERT OR REPLACE INTO kept VALUES (?, ?, ?)",
                    [(key, zlib.crc32(body), body) for key, body in rows.items()],
                )
        except (OSError, sqlite3.Error) as error:
            self.fault = f"the cache {self._path} cannot be written: {error}"

    def _discard(self) -> None:
        """Put a damaged file out of the way, so that the next write begins a new one."""
        try:
            if self._path is not None:
                self._path.unlink(missing_ok=True)
        except OSError as error:
            self.fault = f"the damaged cache {self._path} cannot be removed: {error.strerror}"


def _bodies(base: sqlite3.Connection, keys: Iterable[str]) -> dict[str, bytes]:
    """Return the bodies that are there and whole."""
    found: dict[str, bytes] = {}
    for key in keys:
        row = base.execute("SELECT crc, body FROM kept WHERE key = ?", (key,)).fetchone()
        if row is not None and zlib.crc32(row[1]) == row[0]:
            found[key] = row[1]
    return found


class _Row(BaseModel):
    facts: dict[str, object]
    thumb: str
    bits: str


def _content_body(content: Content) -> bytes:
    facts = asdict(content)
    thumb, bits = facts.pop("thumb"), facts.pop("bits")
    return json.dumps({"facts": facts, "thumb": thumb.hex(), "bits": bits.hex()}).encode("ascii")


def _parse_content(body: bytes) -> Content | None:
    try:
        row = _Row.model_validate_json(body)
        pixels = {"thumb": bytes.fromhex(row.thumb), "bits": bytes.fromhex(row.bits)}
        return _CONTENT.validate_python(row.facts | pixels)
    except ValueError:  # pydantic's ValidationError is one
        return None


def _code_hash(*modules: ModuleType) -> str:
    """Return a hash of modules' own text: a changed program finds nothing of the old one."""
    try:
        text = "\0".join(inspect.getsource(module) for module in modules)
    except OSError:  # installed without its sources
        text = "\0".join(module.__name__ for module in modules)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


_MEASURING = _code_hash(measures, modes, containers, pictures)
_GROUPING = _code_hash(parts, features, shortlist, containers, pictures)


def _groups_key(hashes: Sequence[str], labels: Sequence[str]) -> str:
    lines = (f"{sha}\0{label}" for sha, label in zip(hashes, labels, strict=True))
    return _key("groups", _GROUPING, "\n".join(lines))


def _key(*parts_of_key: str) -> str:
    return hashlib.sha256("\1".join(parts_of_key).encode("utf-8")).hexdigest()
