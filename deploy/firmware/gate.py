"""The gate's output: one armed window, opened and shut by the timer's interrupt alone."""

from array import array

from encoder import MASK as PLACE_MASK
from micropython import const

MASK = const(0x3FFFFFFF)
# A main loop that has not shown itself for so long gives nothing the right to be open.
STALL_US = const(100_000)


class Gate:
    """Opens for one part, inside that part's window, and shuts by itself.

    `check` runs in a hard interrupt every half millisecond: whatever the main loop does, collects
    garbage or stands still, the pulse has its length. With a belt that it `follows` it opens only
    where the part can be as well.
    """

    def __init__(self, put, encoder=None) -> None:
        self._put = put
        self._encoder = encoder
        self.inverted = False
        self.is_open = False
        self.part = 0
        self.opened = False
        self.armed = False
        self.follows = False
        # First tick, then centre and end from there. In an array since older MicroPythons keep
        # what was computed from a long tick as a long integer, with which no interrupt can reckon.
        self.window = array("I", (0, 0, 0))
        self.places = array("I", (0, 0, 0))
        self._beat = array("I", (0,))

    def rest(self) -> None:
        """Put the output to its resting state: rejecting."""
        self.is_open = False
        self._put(self.inverted)

    def beat(self, raw: int) -> None:
        """Show that the main loop is alive."""
        self._beat[0] = raw

    def arm(self, part: int, start: int, centre_us: int, span_us: int) -> None:
        """Name the next window: its first tick, and where its centre and its end are from there.

        Naming the same part again may shorten or prolong what is left of its window.
        """
        self.name(part)
        window = self.window
        window[0], window[1], window[2] = start, centre_us, span_us
        self.armed = True

    def name(self, part: int) -> None:
        """Say for which part the window is that `arm` will name; until then the gate is shut."""
        # Unarmed first: the interrupt must never see half of a window.
        self.armed = False
        if part != self.part:
            self.shut()
            self.part = part
            self.opened = False

    def place(self, start: int, centre: int, span: int) -> None:
        """Name where on the belt the part is to be, as its encoder counts; between name and arm."""
        places = self.places
        places[0], places[1], places[2] = start, centre, span

    def shut(self) -> None:
        """Take the window back; the gate is shut when this returns."""
        self.armed = False
        self.rest()

    def check(self, raw: int) -> None:
        """Open or shut as it is time. Called by the timer's interrupt; allocates nothing."""
        if not self.armed:
            return
        window = self.window
        into = (raw - window[0]) & MASK
        centre = window[1]
        over = into >= window[2] or ((raw - self._beat[0]) & MASK) > STALL_US
        if self.follows:
            places = self.places
            on_belt = (self._encoder.peak - places[0]) & PLACE_MASK
            over = over or on_belt >= places[2] or self._encoder.behind
            # Where the part is, the belt knows better than the clock.
            into = on_belt
            centre = places[1]
        if over:
            if self.is_open:
                self.rest()
                if self.follows:
                    into -= self._encoder.back()  # what went back through it has yet to come
                if into < centre or (into == centre and not self.follows):
                    self.opened = False
        # A gate that could only open behind the part's centre stays shut: that part is lost.
        elif not self.is_open and into <= centre:
            self.is_open = True
            self.opened = True
            self._put(not self.inverted)
