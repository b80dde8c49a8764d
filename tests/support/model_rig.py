"""The agent's models without a line: real slots, scripted engines, parts made by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from bundles import write_scripted
from slot_line import ANNA, KEY, write_trust

from agent.audit.deeds import Deeds
from agent.audit.rows import CHAIN_NAME, AuditRow, parse_line
from agent.clock import ManualClock
from agent.config.document import parse_config
from agent.engines.scripted import ScriptedEngine
from agent.errors import EngineError
from agent.models.loader import ModelLoader
from agent.models.owner import Models
from agent.records import Judged, Part, Reason, Trigger, Verdict, VerdictKind
from bundle.archive import sign_archive
from bundle.judging import Judging, read_judging
from bundle.signature import read_keyring
from bundle.slot_files import read_state
from bundle.slot_state import SlotState
from bundle.slots import Slots, open_slots

LOGITS = (0.0, 1.0)  # what the scripted engine gives for everything
PIXELS = np.zeros((64, 64), np.uint8)
SHORT = "[probation]\nparts = 20\nminutes = 1\n"


class ModelRig:
    """A device's models. `step` lets their thread come round once."""

    def __init__(self, folder: Path, more: str = SHORT, model: str = "", size: int = 64) -> None:
        self.folder = folder
        self.slots, self.ledger = folder / "slots", folder / "ledger"
        self.ledger.mkdir()
        self.trust = write_trust(folder / "trust")
        camera = f'driver = "v4l2"\ndevice = "/dev/none"\nwidth = {size}\nheight = {size}'
        place = model or f'slots = "{self.slots}"\ntrust = "{self.trust}"'
        self.config = parse_config(
            f'[camera]\n{camera}\n[model]\n{place}\n[gate]\ndriver = "sim"\n'
            f'[ledger]\nfolder = "ledger"\n{more}',
            folder=folder,
        )
        self.clock = ManualClock(10**9)
        self.round_ns: Callable[[], int] = self.clock.now_ns
        self.told: list[tuple[str, str]] = []
        self.engines: list[ScriptedEngine] = []
        self.answer: tuple[float, ...] | EngineError = LOGITS
        self._number = 0
        self.models = self.restart()

    def restart(self) -> Models:
        """Start the agent's models anew, as after a crash; returns them."""
        deeds = Deeds(self.ledger, self.clock, self._tell)
        loader = ModelLoader(self.config, self.clock, self._open_engine)
        self.models = Models(
            self.config, loader, deeds, self._tell, self._came_round_ns, self.clock
        )
        self.models.STEP_S = 0  # type: ignore[misc]
        return self.models

    def step(self, seconds: float = 0.2, times: int = 1) -> None:
        """Let time go by and the models' thread come round."""
        for _ in range(times):
            self.clock.advance(round(seconds * 1e9))
            self.models.step()

    def made(self, number: int, *, key: object = KEY, **changes: object) -> bytes:
        """Return the bytes of a release, signed by the office."""
        path = self.folder / f"{number}.lwb"
        write_scripted(path, **{"version": f"1.0.{number}", "release": number, **changes})
        return path.read_bytes() if key is None else sign_archive(path.read_bytes(), key)

    def do(self, change: Callable[[Slots], SlotState], by: str = ANNA) -> SlotState:
        """Change the slots as a technician."""
        unsigned = self.config.model.allow_unsigned
        with open_slots(
            self.slots, read_keyring(self.trust), allow_unsigned=unsigned, by=by
        ) as slots:
            return change(slots)

    def flash(self, number: int, *, confirm: bool = False, **options: object) -> SlotState:
        """Install a release and let it judge."""
        self.do(lambda slots: slots.install(self.made(number, **options)))
        state = self.do(lambda slots: slots.switch())
        return self.do(lambda slots: slots.confirm()) if confirm else state

    def shadow(self, number: int, **options: object) -> SlotState:
        """Install a release beside the one that judges."""
        self.do(lambda slots: slots.install(self.made(number, **options)))
        return self.do(lambda slots: slots.shadow())

    def parts(
        self,
        count: int,
        kind: VerdictKind = VerdictKind.PASS,
        score: float | None = 0.1,
        *,
        reason: Reason = Reason.NONE,
        took_ms: float = 20,
        pitch_ms: float = 20,
    ) -> None:
        """Let parts go by which the model that judges found to be so."""
        for _ in range(count):
            self._number += 1
            self.clock.advance(round(pitch_ms * 1e6))
            at_ns = self.clock.now_ns()
            part = Part(self._number, Trigger(1, self._number, at_ns), at_ns)
            title = "" if score is None else self.models.title
            verdict = Verdict(
                part, kind, reason, score, title, judged_ns=at_ns + round(took_ms * 1e6)
            )
            self.models.observe(Judged(verdict, None if score is None else PIXELS))

    def usual_parts(self, count: int = 100) -> None:
        """Let parts go by of which each tenth is rejected."""
        for _ in range(count // 10):
            self.parts(9)
            self.parts(1, VerdictKind.REJECT, 0.9)

    @property
    def state(self) -> SlotState:
        """Return what is known of the slots."""
        return read_state(self.slots)

    @property
    def judging(self) -> Judging:
        """Return what the agent says of its models."""
        found = read_judging(self.slots)
        assert found is not None
        return found

    def judging_after_step(self) -> Judging:
        """Return what the agent says once its thread has come round."""
        self.step(seconds=1.1)
        return self.judging

    def events(self, kind: str) -> list[str]:
        """Return the texts of the events of a kind."""
        return [text for told, text in self.told if told == kind]

    def deeds(self) -> list[AuditRow]:
        """Return the audit chain's rows."""
        lines = (self.ledger / CHAIN_NAME).read_bytes().splitlines()
        found = [parse_line(line) for line in lines]
        return [linked.row for linked in found if linked is not None]

    def _came_round_ns(self) -> int:
        return self.round_ns()

    def _tell(self, kind: str, text: str) -> None:
        self.told.append((kind, text))

    def _open_engine(self, model: bytes) -> ScriptedEngine:
        del model
        if isinstance(self.answer, EngineError):
            raise self.answer
        self.engines.append(ScriptedEngine([self.answer], 32, 32))
        return self.engines[-1]
