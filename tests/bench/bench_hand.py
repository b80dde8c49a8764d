"""Frame in hand to verdict at the gate lane: plain, with a 1080p frame and a region, and disturbed.

`plain` is 300x300 from the simulated camera. `1080p` is a command that writes 1920x1080 colour
frames to the agent, of which the model sees a region. `disturbed` is plain while the broker is
given a backlog and every part's picture is kept. Times are those of the agent's last `state`,
over its last parts; what is beyond them is taken from the ledger's rows.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).parents[1]
# The repository comes first: `tests/agent` would be taken for the package.
sys.path[:0] = [str(TESTS.parent), str(TESTS / "support"), str(TESTS), str(Path(__file__).parent)]

import numpy as np
from bench_line import States
from conftest import Mosquitto
from live_line import RENDERED, LiveLine, wait_until
from outage import Outage

from agent.clock import SystemClock
from agent.engines.litert import LitertEngine
from bundle.archive import open_archive, write_archive
from bundle.golden import make_golden
from bundle.manifest import Region

SCENES = ("plain", "1080p", "disturbed")
WIDTH, HEIGHT, FRAME_RATE = 1920, 1080, 30
REGION = Region(x=660, y=240, width=600, height=600)
# Eight different frames, so that no frozen camera is seen, at the pace of a real one.
WRITER = f"""
import sys, time
import numpy as np
frames = [np.random.default_rng(n).integers(40, 200, ({HEIGHT}, {WIDTH}, 3), np.uint8).tobytes()
          for n in range(8)]
start, count = time.monotonic(), 0
while True:
    sys.stdout.buffer.write(frames[count % 8])
    sys.stdout.buffer.flush()
    count += 1
    time.sleep(max(0.0, start + count / {FRAME_RATE} - time.monotonic()))
"""


def main() -> None:
    """Run the scenes one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=30.0, help="of each scene")
    parser.add_argument("--rate", type=float, default=20.0, help="parts a second")
    parser.add_argument("--backlog", type=int, default=60_000, help="rows that wait: disturbed")
    parser.add_argument("--bundle", type=Path, default=RENDERED)
    parser.add_argument("--scenes", nargs="*", default=SCENES, choices=SCENES)
    options = parser.parse_args()
    for scene in options.scenes:
        with tempfile.TemporaryDirectory() as name:
            run_scene(scene, Path(name), options)


def run_scene(scene: str, folder: Path, options: argparse.Namespace) -> None:
    """Let one belt go by and print its times."""
    broker = Mosquitto(folder)
    broker.start()
    states = States(broker.port)
    parts = round(options.rate * options.seconds)
    waiting = options.backlog if scene == "disturbed" else 0
    try:
        with LiveLine(folder, rate=options.rate, parts=parts, mqtt_port=broker.port) as line:
            line.bundle = (
                options.bundle if scene != "1080p" else with_region(options.bundle, folder)
            )
            line.lead_s = 6.0
            if waiting:
                (folder / "ledger").mkdir()
                outage = Outage(folder / "ledger", SystemClock())
                outage.away(waiting)
                outage.ledger.close()
            line.start_gate()
            line.config.write_text(configured(scene, line.config.read_text(), folder))
            line.start_agent()
            line.wait_for_belt()
            wait_until(lambda: len(line.rows()) >= parts + waiting, "all rows")
            line.stop_agent()
            report(scene, line.rows()[waiting:], states)
    finally:
        states.stop()
        broker.kill()


def configured(scene: str, text: str, folder: Path) -> str:
    """Return the configuration of a scene."""
    if scene == "1080p":
        writer = folder / "camera.py"
        writer.write_text(WRITER)
        camera = (
            f'driver = "pipe"\ncommand = ["{sys.executable}", "{writer}"]\npixels = "bgr"\n'
            f'colour = "bgr"\nwidth = {WIDTH}\nheight = {HEIGHT}\nframe_rate = {FRAME_RATE}'
        )
        text = text.replace('driver = "sim"\ndeck = 16', camera)
        text = text.split("[belt]", 1)[0] + "[model]" + text.split("[model]", 1)[1]
        text += "\n[timing]\nframe_within_ms = 40.0\nmin_pitch_ms = 42.0\n"
    if scene == "disturbed":
        text = text.replace('folder = "ledger"', 'folder = "ledger"\nkeep_pass_every = 1')
    return text


def with_region(path: Path, folder: Path) -> Path:
    """Return a copy of a bundle which looks at a region of a 1080p frame."""
    archive = open_archive(path)
    spec = archive.manifest.input.model_copy(
        update={"region": REGION, "frame_width": WIDTH, "frame_height": HEIGHT}
    )
    engine = LitertEngine(archive.model)

    def infer(pixels: np.ndarray) -> np.ndarray:
        np.copyto(engine.input_view(), pixels)
        return engine.infer()

    frame = np.random.default_rng(0).integers(40, 200, (HEIGHT, WIDTH, 3), np.uint8)
    golden = make_golden([frame], infer, spec)
    target = folder / "region.lwb"
    manifest = archive.manifest.model_copy(update={"input": spec})
    write_archive(target, manifest, {"model.tflite": archive.model, **golden})
    return target


def report(scene: str, rows: list, states: States) -> None:
    """Print what became of the parts, and the times."""
    judged = [row for row in rows if row["ready_ns"] and row["judged_ns"] and row["invoke_us"]]
    print(f"{scene}: {len(rows)} parts, {len(rows) - len(judged)} not judged")
    for key in ("hand_to_gate_ms", "overhead_ms", "invoke_ms"):
        figures = states.states[-1][key]
        print(f"  {key}: " + "  ".join(f"{name} {value:.2f}" for name, value in figures.items()))
    hand = [(row["judged_ns"] - row["ready_ns"]) / 1e6 for row in judged]
    invoke = float(np.median([row["invoke_us"] / 1e3 for row in judged]))
    at = {share: float(np.percentile(hand, share)) for share in (50, 99, 99.9)}
    print(
        f"  ledger: in hand to judged p50 {at[50]:.2f}, p99 {at[99]:.2f}, p99.9 {at[99.9]:.2f} ms"
    )
    print(f"  less the median invocation of {invoke:.2f} ms: p50 {at[50] - invoke:.2f}, ", end="")
    print(f"p99.9 {at[99.9] - invoke:.2f} ms", flush=True)


if __name__ == "__main__":
    main()
