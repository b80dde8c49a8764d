"""The settings of a video device: asked for, read back, compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2

from agent.cameras.v4l2_device import Device
from agent.config.camera import V4l2Camera
from agent.records import Setting

_FOURCC = {"mjpeg": "MJPG", "yuyv": "YUYV", "gray": "GREY"}
_MANUAL_EXPOSURE = 1.0  # V4L2_EXPOSURE_MANUAL
_EXPOSURE_STEP_US = 100  # V4L2_CID_EXPOSURE_ABSOLUTE counts in these
_TOLERANCE = 0.02  # drivers round exposure and gain to what the sensor has
_RATE_TOLERANCE = 0.05


@dataclass(frozen=True, slots=True)
class _Wish:
    name: str
    prop: int
    value: float
    need: str = "picture"
    unit: float = 1.0  # one step of the device in the configuration's unit
    tolerance: float = 0.0
    locks: str = ""


def apply_settings(device: Device, section: V4l2Camera) -> None:
    """Ask for every setting: first the format, which starts the device anew, then the rest."""
    device.set(cv2.CAP_PROP_MODE, 0)  # values in the driver's own ranges
    for wish in _wishes(section):
        device.set(wish.prop, wish.value)


def read_back(device: Device, section: V4l2Camera) -> tuple[Setting, ...]:
    """Return what the device made of every setting."""
    return tuple(_compare(wish, device.get(wish.prop)) for wish in _wishes(section))


def first_refusal(device_name: str, settings: Sequence[Setting], *, strict: bool) -> str:
    """Return why these settings are not good enough, in one sentence; empty when they are."""
    needs = {"frame", "picture"} if strict else {"frame"}
    wrong = [each for each in settings if not each.kept and each.need in needs]
    if not wrong:
        return ""
    told = "; ".join(f"{each.name}: asked for {each.wanted}, it has {each.given}" for each in wrong)
    advice = "`v4l2-ctl --list-formats-ext --list-ctrls` shows what it can do"
    if all(each.need == "picture" for each in wrong):
        advice += "; camera.strict = false takes it as it is"
    return f"the camera {device_name} did not take its settings: {told}; {advice}"


def _wishes(section: V4l2Camera) -> list[_Wish]:
    return [*_format_wishes(section), *_locked_wishes(section)]


def _format_wishes(section: V4l2Camera) -> list[_Wish]:
    return [
        _Wish("raw bytes", cv2.CAP_PROP_CONVERT_RGB, 0.0, "frame"),
        _Wish("pixels", cv2.CAP_PROP_FOURCC, _fourcc(_FOURCC[section.pixels]), "frame"),
        _Wish("width", cv2.CAP_PROP_FRAME_WIDTH, section.width, "frame"),
        _Wish("height", cv2.CAP_PROP_FRAME_HEIGHT, section.height, "frame"),
        _Wish("frame_rate", cv2.CAP_PROP_FPS, section.frame_rate, "note", 1.0, _RATE_TOLERANCE),
        _Wish("buffers", cv2.CAP_PROP_BUFFERSIZE, section.buffers, "note"),
    ]


def _locked_wishes(section: V4l2Camera) -> list[_Wish]:
    """Return what is fixed: each time the camera's own automatic first, then the value."""
    auto, exposure = cv2.CAP_PROP_AUTO_EXPOSURE, cv2.CAP_PROP_EXPOSURE
    step, tolerance = float(_EXPOSURE_STEP_US), _TOLERANCE
    wishes: list[_Wish] = []
    if section.exposure_us is not None:
        steps = max(1, round(section.exposure_us / step))
        wishes.append(_automatic_off("exposure", auto, _MANUAL_EXPOSURE, "exposure_us"))
        wishes.append(_Wish("exposure_us", exposure, steps, "picture", step, tolerance))
    if section.gain is not None:
        wishes.append(_Wish("gain", cv2.CAP_PROP_GAIN, section.gain, tolerance=tolerance))
    if section.white_balance_k is not None:
        kelvin = section.white_balance_k
        wishes.append(_automatic_off("white balance", cv2.CAP_PROP_AUTO_WB, 0.0, "white_balance_k"))
        wishes.append(_Wish("white_balance_k", cv2.CAP_PROP_WB_TEMPERATURE, kelvin))
    if section.focus is not None:
        wishes.append(_automatic_off("focus", cv2.CAP_PROP_AUTOFOCUS, 0.0, "focus"))
        wishes.append(_Wish("focus", cv2.CAP_PROP_FOCUS, section.focus))
    return wishes


def _automatic_off(what: str, prop: int, off: float, locks: str) -> _Wish:
    return _Wish(f"automatic {what} off", prop, off, locks=locks)


def _compare(wish: _Wish, given: float) -> Setting:
    kept = abs(given - wish.value) <= wish.tolerance * abs(wish.value)
    wanted, has = _shown(wish, wish.value), _shown(wish, given)
    return Setting(wish.name, wanted, has, kept=kept, need=wish.need, locks=wish.locks)


def _shown(wish: _Wish, value: float) -> str:
    if wish.prop == cv2.CAP_PROP_FOURCC:
        return _fourcc_name(int(value))
    if value < 0:
        return "no such setting"
    return f"{value * wish.unit:g}"


def _fourcc(name: str) -> float:
    return float(int.from_bytes(name.encode("ascii"), "little"))


def _fourcc_name(value: int) -> str:
    if not 0 < value < 2**32:
        return "nothing"
    text = value.to_bytes(4, "little").decode("latin-1")
    return text if text.isprintable() else f"0x{value:08x}"
