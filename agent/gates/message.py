"""The base of all messages of the controller protocol."""

from __future__ import annotations

import struct
from typing import ClassVar


class Message:
    """Base of all messages: a type byte, whether it is acked and repeated, and its layout."""

    TYPE: ClassVar[int]
    ACKED: ClassVar[bool] = False
    LAYOUT: ClassVar[struct.Struct]
    __match_args__: ClassVar[tuple[str, ...]]  # every dataclass has it: the names of its fields
    __slots__ = ()

    def payload(self) -> bytes:
        """Return the message's own bytes."""
        return self.LAYOUT.pack(*[getattr(self, name) for name in self.__match_args__])

    @classmethod
    def parse(cls, payload: bytes) -> Message:
        """Return the message in `payload`. Raises struct.error or ValueError."""
        return cls(*cls.LAYOUT.unpack(payload))
