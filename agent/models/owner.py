"""The models of the agent: opened in a thread of their own, watched, confirmed or left again."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

from agent.active_model import ActiveModel
from agent.audit.deeds import Deeds
from agent.clock import Clock
from agent.config.document import Config
from agent.errors import ModelError
from agent.lanes.lane import Lane
from agent.models.judging_file import JudgingFile
from agent.models.loader import ModelLoader
from agent.models.probation import Figures, Probation
from agent.models.seat import Seat
from agent.models.shadow import Beside
from agent.models.slot_keeper import SlotKeeper
from agent.models.slot_told import SlotTold
from agent.models.slot_watch import SlotWatch
from agent.models.trust_watch import TrustWatch
from agent.models.watch import ModelWatch
from agent.plant.bodies import ModelState
from agent.records import Judged
from agent.schedule import Timing
from bundle import judging
from bundle.manifest import Manifest
from bundle.slot_deeds import same_model
from bundle.slot_state import Installed, SlotState

logger = logging.getLogger("linewarden.models")

RELOAD_NS = 30_000_000_000


class Models(Lane):
    """Owns the models. No part waits for this lane, and no supervisor for its disk.

    `came_round_ns` tells when the inspection lane last came round.
    """

    STEP_S = 0.1

    def __init__(
        self,
        config: Config,
        loader: ModelLoader,
        deeds: Deeds,
        tell: Callable[[str, str], None],
        came_round_ns: Callable[[], int],
        clock: Clock,
    ) -> None:
        super().__init__("models", clock)
        self._config = config
        self._loader = loader
        self._deeds = deeds
        self._tell = tell
        self._limit_ns = Timing.from_config(config.timing).cutoff_ns(0)
        self._slots = SlotWatch(config.model, clock) if config.model.slots else None
        self._keeper = SlotKeeper(self._slots, tell, clock) if self._slots else None
        self._file = JudgingFile(self._slots.folder, clock) if self._slots else None
        self._told = SlotTold(deeds, tell, clock)
        self._trust = TrustWatch(config.model.trust_folder, deeds, tell, clock)
        self._state: SlotState | None = None
        self._seat = Seat(came_round_ns, clock)
        self._beside = Beside(Path(config.ledger.folder) / "shadow", tell, clock)
        self._watch = ModelWatch()
        self._refused = ""
        self._reload_ns = 0
        self.tried = threading.Event()

    @property
    def current(self) -> ActiveModel | None:
        """Return the model that judges at this moment."""
        return self._seat.current

    @property
    def title(self) -> str:
        """Return name and version of the judging model; empty when there is none."""
        return self._seat.title

    def manifest_of(self, title: str) -> Manifest | None:
        """Return the manifest of the model that judges, if that is the one with this title."""
        model = self.current
        return model.manifest if model is not None and model.title == title else None

    def observe(self, judged: Judged) -> None:
        """Take in a part whose row is written; the recorder's lane calls it, it never waits."""
        self._watch.take(judged)
        self._beside.offer(judged)

    def state(self) -> ModelState:
        """Return what `state` says of the models; anybody may ask."""
        model, shadow = self.current, self._beside.status()
        manifest = model.manifest if model else None
        return ModelState(
            name=manifest.name if manifest else "",
            version=manifest.version if manifest else "",
            signed=model is not None and model.signed,
            unsigned_allowed=self._loader.allows_unsigned,
            on_probation=self._watch.probation is not None,
            refused=self._refused,
            shadow=shadow.title if shadow else "",
        )

    def step(self) -> None:
        """Look for what was flashed, and after the model that judges."""
        if not self.tried.is_set():
            self._first()
            return
        self._stop.wait(self.STEP_S)
        self._watch.drain()
        self._seat.close_retired()
        self._trust.look()
        self._look()
        self._follow_up()
        if self._state is not None:
            self._told.take(self._state)  # again, where the chain could not be read before
        if self.current is None and self.clock.now_ns() >= self._reload_ns:
            self._open_wanted()
        self._write(ready=self.current is not None)

    def on_fault(self) -> None:
        """Take what could not even be refused properly as refused."""
        self._refused = self._refused or "the model could not be opened; the journal says why"
        self._reload_ns = self.clock.now_ns() + RELOAD_NS

    def end(self) -> None:
        """Say that nothing judges any more."""
        self._beside.stop()
        self._write(ready=False)

    def close(self) -> None:
        """Free every model, once no lane judges any more."""
        self._seat.close()

    def _first(self) -> None:
        """Open the first model; until then every part is rejected."""
        try:
            self._look()
            if self._slots is None:
                self._open_wanted()
            self._write(ready=self.current is not None)
        finally:
            self.tried.set()

    def _open_wanted(self) -> None:
        """Open what should judge while nothing does."""
        if self._state is not None and self._state.judging is not None:
            self._change(self._state)
        elif self._slots is None:
            model = self._load(Path(self._config.model.bundle), "")
            if model is not None:
                self._take(model, None)

    def _look(self) -> None:
        """Follow the slots where somebody changed them."""
        state = self._keeper.look() if self._keeper is not None else None
        if state is not None:
            self._follow(state)

    def _follow_up(self) -> None:
        """End a probation that is over, well or not."""
        state, probation = self._state, self._watch.probation
        if self._keeper is None or state is None:
            return
        after = self._keeper.follow_up(state, probation, off=self._is_off(state))
        if after is not None:
            self._follow(after)

    def _is_off(self, state: SlotState) -> bool:
        """Whether another model judges than should."""
        wanted = state.judging
        return self._seat.sha256 != (wanted.sha256 if wanted is not None else "")

    def _follow(self, state: SlotState) -> None:
        """Do what the slots say."""
        before, self._state = self._state, state
        if self._beside.sha256 and self._beside.sha256 != _shadow_hash(state):
            self._beside.stop()
        if before is None or not same_model(before, state) or self._is_off(state):
            self._change(state)
        else:
            self._told.take(state)
            if before.on_trial and not state.on_trial:
                self._pass_probation()
        self._start_shadow(state)

    def _change(self, state: SlotState) -> None:
        """Let another model judge; one that is refused leaves the one before judging.

        Unless that was taken off the line: then no model judges, and every part is rejected.
        """
        held, slots = state.judging, self._slots
        if held is None or state.active is None or slots is None:
            self._told.take(state)
            self._leave()
            return
        model = self.current
        if model is None or model.sha256 != held.sha256:
            if self._told.is_behind(state):
                self._refused = ""  # another one is wanted: what is wrong with it is news again
            model = self._load(slots.path(state.active), held.sha256)
        self._told.take(state)  # what was done stands before what came of it
        if model is not None:
            self._take(model, held)
        elif held.status != "trial":
            self._leave()

    def _leave(self) -> None:
        """Let no model judge: every part is rejected."""
        self._seat.swap(None)
        self._watch.begin("", self._seat.since_ns)

    def _load(self, path: Path, sha256: str) -> ActiveModel | None:
        """Open and prove a model; None when it is refused, which is told once."""
        current = self.current
        try:
            model = self._loader.load(path, sha256, current if self._watch.fits else None)
        except ModelError as error:
            self._reload_ns = self.clock.now_ns() + RELOAD_NS
            if str(error) != self._refused:
                goes_on = f"{current.title} judges on" if current else "every part is rejected"
                logger.error("model refused: %s; %s", error, goes_on)
                self._tell("model_refused", f"{error}; {goes_on}")
            self._refused = str(error)
            return None
        self._refused = ""
        return model

    def _take(self, model: ActiveModel, held: Installed | None) -> None:
        """Let a proven model judge from the next part on."""
        old = self.current
        before = self._watch.figures(self._limit_ns) if old is not None else None
        self._deeds.note_model(model.title, model.manifest)  # before it has judged a part
        self._seat.swap(model)
        if old is not model:
            self._watch.begin(model.title, self._seat.since_ns)
        if held is not None and held.status == "trial":
            self._begin_probation(model, before)
        if old is None:
            logger.info("ready: %s judges parts", model.title)
            self._tell("model_ready", f"{model.title} judges parts")
        elif old is not model:
            logger.info("swapped: %s judges parts, not %s", model.title, old.title)
            self._tell("model_swapped", f"{model.title} judges from now on, not {old.title}")

    def _begin_probation(self, model: ActiveModel, before: Figures | None) -> None:
        now_ns, section = self.clock.now_ns(), self._config.probation
        self._watch.begin(model.title, now_ns)
        self._watch.probation = Probation(section, model.title, self._limit_ns, before, now_ns)
        if self._keeper is not None:
            self._keeper.ended = None

    def _pass_probation(self) -> None:
        """Keep how the probation stood when it was confirmed, by the agent or a technician."""
        probation, self._watch.probation = self._watch.probation, None
        if probation is not None and self._keeper is not None:
            status = probation.status(self.clock.now_ns())
            self._keeper.ended = status.model_copy(update={"state": "passed"})

    def _start_shadow(self, state: SlotState) -> None:
        """Open the model that shall look at the parts beside the one that judges."""
        held, slots = state.shadowing, self._slots
        if held is None or slots is None or self.current is None or self._beside.sha256:
            return
        model = self._load(slots.path(state.free), held.sha256)
        if model is not None:
            self._beside.start(model)

    def _write(self, *, ready: bool) -> None:
        if self._file is None or self._keeper is None:
            return
        probation = self._watch.probation
        status = probation.status(self.clock.now_ns()) if probation else self._keeper.ended
        model = self.current
        self._file.write(
            judging.Judging(
                title=self._seat.title,
                sha256=self._seat.sha256,
                signed=model is not None and model.signed,
                since=self._seat.since,
                pid=os.getpid(),
                ready=ready,
                refused=self._refused,
                probation=status,
                shadow=self._beside.status(),
            )
        )


def _shadow_hash(state: SlotState) -> str:
    return state.shadowing.sha256 if state.shadowing is not None else ""
