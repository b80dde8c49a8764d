"""How many parts a second until the first one is UNINSPECTED, alone and with bad neighbours.

Each step is the agent as a process with model, gate, ledger and broker. Verdict times are taken
from the ledger's rows, the balance from the belt's own record against them.
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from bisect import bisect
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

TESTS = Path(__file__).parents[1]
# The repository comes first: `tests/agent` would be taken for the package.
sys.path[:0] = [str(TESTS.parent), str(TESTS / "support"), str(TESTS)]

from conftest import Mosquitto
from live_line import LiveLine, wait_until
from tcp_proxy import TcpProxy

RATES = (20.0, 50.0, 80.0, 120.0, 160.0, 200.0)
NEIGHBOURS = ("none", "busy", "slow disk", "slow broker")
# `CPUWeight=800` of linewarden.slice, where everything else has 100: so much more than nice 0.
SERVICE_NICE = -9
# The gate's controller is hardware of its own: it never waits for a core of this computer.
HARDWARE_NICE = -15
# A fast camera's driver keeps frames while its reader waits for a core; `v4l2` allows so many.
BUFFERS = 10
# As `linewarden setup` writes it: with a commit for each part the recorder takes twice the time.
GROUP_MS = 20
SETTLE_PARTS = 0.2  # of a step: the model warms up and the caches fill
SPIN = "while True: pass"


@dataclass(frozen=True)
class Step:
    """What one rate gave: verdicts of the judged share of the belt, and times in ms."""

    rate: float
    verdicts: Counter
    reasons: Counter
    times_ms: list[float]
    stolen: float = 0.0  # share of the cores' time that the host of this machine took
    calm: Counter = field(default_factory=Counter)  # verdicts of seconds in which it took nothing

    @property
    def uninspected(self) -> int:
        """Return how many parts were not inspected."""
        return self.verdicts["UNINSPECTED"]

    def percentile(self, share: float) -> float:
        """Return the time that so many parts stayed below."""
        times = sorted(self.times_ms) or [math.nan]
        return times[min(len(times) - 1, int(share * len(times)))]


class HostWatch:
    """Notes every second how much of the cores' time the host of a virtual machine has taken.

    Calm is a second in which it took none, nor in the `BEFORE` readings before, whose queue may be
    left, nor in the next one, in which the last parts are judged.
    """

    BEFORE = 2

    def __init__(self) -> None:
        self._seen: list[tuple[int, int, int]] = []  # monotonic ns, ticks stolen, all ticks
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="host watch")

    def __enter__(self) -> HostWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def stolen(self) -> float:
        """Return the share of all time that was taken."""
        (_, stolen, ticks), (_, last_stolen, last_ticks) = self._seen[0], self._seen[-1]
        return (last_stolen - stolen) / max(last_ticks - ticks, 1)

    def is_calm(self, at_ns: int) -> bool:
        """Tell whether nothing was taken around a moment."""
        place = bisect(self._seen, at_ns, key=lambda seen: seen[0])
        if not self.BEFORE < place < len(self._seen) - 1:
            return False
        return self._seen[place + 1][1] == self._seen[place - 1 - self.BEFORE][1]

    def _look(self) -> None:
        while True:
            self._seen.append((time.monotonic_ns(), *cpu_ticks()))
            if self._over.wait(1.0):
                self._seen.append((time.monotonic_ns(), *cpu_ticks()))
                return


@contextmanager
def neighbour(kind: str, line: LiveLine, proxy: TcpProxy) -> Iterator[None]:
    """Let somebody disturb the running agent."""
    with ExitStack() as stack:
        if kind == "busy":
            for _ in range(2):
                spin = subprocess.Popen([sys.executable, "-c", SPIN])
                stack.callback(spin.wait)
                stack.callback(spin.kill)
        elif kind == "slow disk":
            wal = line.folder / "ledger" / "ledger.sqlite-wal"
            command = ["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(line.agent.pid)]
            command += ["-P", str(wal), "-e", "inject=fdatasync,fsync:delay_enter=30000"]
            trace = subprocess.Popen(command)
            stack.callback(trace.wait)
            stack.callback(trace.terminate)
        elif kind == "slow broker":
            proxy.delay_s, proxy.loss, proxy.stall_s = 0.05, 0.1, 0.5
        yield
    proxy.delay_s = proxy.loss = 0.0


def run_step(
    rate: float, seconds: float, kind: str, bundle: Path | None = None, nice: int = SERVICE_NICE
) -> Step:
    """Let a belt of one rate go by; returns what became of its parts after the settling."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "broker").mkdir()
        broker = Mosquitto(folder / "broker")
        broker.start()
        proxy = TcpProxy(broker.port)
        line = LiveLine(folder, rate=rate, parts=round(rate * seconds), mqtt_port=proxy.port)
        line.bundle = bundle or line.bundle
        line.nice, line.gate_nice = nice, HARDWARE_NICE if nice else 0
        try:
            with line:
                start(line)
                with neighbour(kind, line, proxy), HostWatch() as host:
                    line.wait_for_belt()
                wait_until(lambda: len(line.rows()) >= line.parts, "all rows")
                line.stop_agent()
                line.balanced()
                return measured(line, host)
        finally:
            proxy.stop()
            broker.kill()


def cpu_ticks() -> tuple[int, int]:
    """Return the time stolen from a virtual machine, and all time, of all cores."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    ticks = [int(field) for field in fields]
    return ticks[7], sum(ticks)


def start(line: LiveLine) -> None:
    """Start gate and agent, with windows and frames narrow enough for the rate."""
    line.lead_s = 6.0
    line.start_gate()
    pitch_ms = 1000 / line.rate
    text = line.config.read_text()
    if pitch_ms < 20:
        closest_ms = round(pitch_ms * (1 - line.jitter) - 0.2, 1)
        frame_rate = max(300.0, 1.5 * line.rate)
        guard_ms = 1.5 if closest_ms >= 3.0 else 1.0
        camera = f"deck = 16\nframe_rate = {frame_rate}\nbuffers = {BUFFERS}"
        text = text.replace("deck = 16", camera)
        text = text.replace('driver = "controller"', 'driver = "controller"\ndebounce_ms = 1.0')
        text = text.replace("[ledger]", f"[ledger]\ngroup_ms = {GROUP_MS}")
        text += (
            f"\n[timing]\nguard_ms = {guard_ms}\nmin_pitch_ms = {closest_ms}\n"
            f"frame_within_ms = {closest_ms}\nmax_in_flight = 256\n"
        )
    line.config.write_text(text)
    line.start_agent()


def measured(line: LiveLine, host: HostWatch) -> Step:
    """Read verdicts and times out of the ledger's file."""
    rows = line.rows()
    rows = rows[round(SETTLE_PARTS * len(rows)) :]
    verdicts = Counter(row["verdict"] for row in rows)
    reasons = Counter(row["reason"] for row in rows if row["verdict"] == "UNINSPECTED")
    judged = [row for row in rows if row["judged_ns"] and row["verdict"] != "UNINSPECTED"]
    times = [(row["judged_ns"] - row["at_ns"]) / 1e6 for row in judged]
    calm = Counter(row["verdict"] for row in rows if host.is_calm(row["at_ns"]))
    return Step(line.rate, verdicts, reasons, times, host.stolen, calm)


def histogram(step: Step, width: int = 40) -> str:
    """Return the verdict times as bars; each bucket is a fifth wider than the one before."""
    buckets = Counter(math.floor(math.log(max(one, 0.1), 1.25)) for one in step.times_ms)
    most = max(buckets.values(), default=1)
    rows = []
    for bucket in range(min(buckets, default=0), max(buckets, default=-1) + 1):
        bar = "#" * math.ceil(width * buckets[bucket] / most)
        rows.append(f"    {1.25**bucket:7.1f} ms {buckets[bucket]:6d} {bar}")
    return "\n".join(rows)


def show(step: Step, kind: str) -> None:
    """Print one step."""
    total = step.verdicts.total()
    sums = " + ".join(f"{count} {name}" for name, count in sorted(step.verdicts.items()))
    times = "  ".join(
        f"p{share * 100:g} {step.percentile(share):.1f}" for share in (0.5, 0.9, 0.99, 0.999)
    )
    print(f"  {step.rate:5.0f}/s, neighbour {kind}: {total} = {sums} {dict(step.reasons) or ''}")
    stolen = f"  stolen from this machine {step.stolen:.1%}" if step.stolen >= 0.001 else ""
    worst = f"worst {step.percentile(1):.1f}{stolen}"
    print(f"         trigger to verdict, ms: {times}  {worst}", flush=True)
    if stolen:
        untouched = f"{step.calm['UNINSPECTED']} of {step.calm.total()} parts UNINSPECTED"
        print(f"         while nothing was stolen: {untouched}", flush=True)


def main() -> None:
    """Climb until a part is UNINSPECTED; then the neighbours, at half of that."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=15.0, help="of each step")
    parser.add_argument("--rates", type=float, nargs="*", default=RATES)
    parser.add_argument("--bundle", type=Path, help="another model than the rendered castings'")
    parser.add_argument(
        "--equal", action="store_true", help="give the agent no more than everybody else has"
    )
    parser.add_argument("--neighbours", nargs="*", default=NEIGHBOURS, choices=NEIGHBOURS)
    options = parser.parse_args()
    if not options.equal and os.geteuid() != 0:
        parser.error("only root may give the agent the weight of its service: sudo, or --equal")
    nice = 0 if options.equal else SERVICE_NICE
    started = time.perf_counter()
    print("load: the balance holds in every step (belt's record against the ledger, part by part)")
    sound, last = 0.0, None
    for rate in options.rates:
        last = run_step(rate, options.seconds, "none", options.bundle, nice)
        show(last, "none")
        if last.uninspected:
            break
        sound = rate
    print(f"  sustained without an UNINSPECTED part: {sound:g} parts/s")
    if last is not None:
        print(histogram(last))
    base = max(sound / 2, min(options.rates))
    for kind in options.neighbours:
        show(run_step(base, options.seconds, kind, options.bundle, nice), kind)
    print(f"  took {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
