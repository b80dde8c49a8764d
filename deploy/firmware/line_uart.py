"""The line to the host over a UART and a USB adapter."""

import settings
from machine import UART, Pin
from micropython import const

_BUFFER_BYTES = const(2_048)
_READ_BYTES = const(128)


class UartLine:
    """Bytes both ways without ever waiting."""

    def __init__(self) -> None:
        self._uart = UART(
            settings.UART_ID,
            settings.UART_BAUD,
            tx=Pin(settings.UART_TX_PIN),
            rx=Pin(settings.UART_RX_PIN),
            txbuf=_BUFFER_BYTES,
            rxbuf=_BUFFER_BYTES,
            timeout=0,
        )
        self._waiting = False

    def any(self) -> bool:
        """Return whether there is something to read, or to try again to write."""
        return bool(self._uart.any()) or self._waiting

    def read(self) -> bytes:
        """Return what has come, which may be nothing."""
        return self._uart.read(min(_READ_BYTES, self._uart.any())) or b""

    def write(self, data: memoryview) -> int:
        """Send bytes as far as the buffer has room; returns how many went."""
        went = (self._uart.write(data) or 0) if len(data) else 0
        self._waiting = went < len(data)
        return went
