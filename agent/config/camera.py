"""The section [camera]: one class per driver."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from agent.config.base import PathText, Section

SIM_SIZE = 300  # a drawn casting is a square of so many pixels


class ReplayCamera(Section):
    """Pictures from a folder, shown in the order of their names."""

    has_noise: ClassVar[bool] = False  # the same picture again is no sign of a frozen camera

    driver: Literal["replay"]
    folder: PathText = Field(description="Folder of pictures; sub-folders are read too.")
    frame_rate: float = Field(120.0, gt=0, le=1000, description="Frames per second.")
    order: Literal["name", "shuffled"] = Field(
        "shuffled", description="By name, or mixed by the belt's seed."
    )


class SimCamera(Section):
    """Drawn castings on a simulated belt."""

    has_noise: ClassVar[bool] = False

    driver: Literal["sim"]
    frame_rate: float = Field(120.0, gt=0, le=1000, description="Frames per second.")
    deck: int = Field(
        64, ge=1, le=10000, description="How many different parts are drawn before they repeat."
    )
    defect_share: float = Field(0.3, ge=0, le=1, description="Share of defective parts.")
    buffers: int = Field(1, ge=1, le=10, description="Frames that are kept while nobody reads.")


class V4l2Camera(Section):
    """A camera with a Linux video device: USB, or any other that has /dev/video*.

    A setting that is left out is left to the camera; one that is given switches the camera's own
    automatic off and is read back.
    """

    has_noise: ClassVar[bool] = True

    driver: Literal["v4l2"]
    device: PathText = Field(
        description="Video device, best by its name under /dev/v4l/by-id or /dev/linewarden."
    )
    width: int = Field(ge=8, le=16384, description="Width of a frame in pixels.")
    height: int = Field(ge=8, le=16384, description="Height of a frame in pixels.")
    frame_rate: float = Field(30.0, gt=0, le=1000, description="Frames per second asked for.")
    pixels: Literal["mjpeg", "yuyv", "gray"] = Field(
        "mjpeg", description="How the camera sends its pixels (MJPG, YUYV or GREY)."
    )
    colour: Literal["gray", "bgr"] = Field("gray", description="What is made of them.")
    exposure_us: int | None = Field(
        None, ge=100, le=10_000_000, description="Exposure, in steps of 100 us."
    )
    gain: int | None = Field(None, ge=0, le=1_000_000, description="Gain, in the driver's steps.")
    white_balance_k: int | None = Field(
        None, ge=1000, le=20_000, description="Colour temperature in kelvin."
    )
    focus: int | None = Field(None, ge=0, le=1_000_000, description="Focus, in driver's steps.")
    strict: bool = Field(
        True, description="Refuse a camera that does not take a setting; else only say so."
    )
    buffers: int = Field(1, ge=1, le=10, description="Frames that the driver may hold back.")
    stale_ms: float = Field(
        100.0, gt=0, le=10_000, description="A frame older than this is thrown away."
    )
    silent_ms: float = Field(
        1000.0, ge=50, le=60_000, description="Without a frame for so long, the camera is lost."
    )


class PipeCamera(Section):
    """Any command that writes frames to its standard output: rpicam-vid, gst-launch, ffmpeg."""

    has_noise: ClassVar[bool] = True

    driver: Literal["pipe"]
    command: list[str] = Field(
        min_length=1, max_length=256, description="Program and arguments; no shell is used."
    )
    shell: bool = Field(
        False, description="Let /bin/sh read the command, which is then one single text."
    )
    width: int = Field(ge=8, le=16384, description="Width of a frame in pixels.")
    height: int = Field(ge=8, le=16384, description="Height of a frame in pixels.")
    frame_rate: float = Field(30.0, gt=0, le=1000, description="Frames per second it writes.")
    pixels: Literal["mjpeg", "gray", "bgr", "rgb", "yuyv", "i420", "nv12"] = Field(
        "mjpeg", description="JPEG pictures one after the other, or raw pixels of this order."
    )
    colour: Literal["gray", "bgr"] = Field("gray", description="What is made of them.")
    latency_ms: float = Field(
        0.0, ge=0, le=10_000, description="From a frame's exposure to its first byte here."
    )
    start_ms: float = Field(
        10_000.0, ge=100, le=120_000, description="The first frame comes within so long."
    )
    silent_ms: float = Field(
        1000.0, ge=50, le=60_000, description="Without a frame for so long, it is killed."
    )

    @model_validator(mode="after")
    def _runnable(self) -> PipeCamera:
        if not self.command[0].strip() or any("\0" in word for word in self.command):
            raise ValueError("the command is empty or holds a zero byte: write the program's name")
        if self.shell and len(self.command) != 1:
            raise ValueError('with shell = true the command is one text: ["a | b"]')
        if self.pixels in ("yuyv", "i420", "nv12") and (self.width % 2 or self.height % 2):
            raise ValueError(f"pixels {self.pixels} go only with an even width and height")
        return self


CameraSection = Annotated[
    ReplayCamera | SimCamera | V4l2Camera | PipeCamera, Field(discriminator="driver")
]


def frame_size(
    section: ReplayCamera | SimCamera | V4l2Camera | PipeCamera,
) -> tuple[int, int] | None:
    """Return the (width, height) of the frames that a camera will give; None where it varies."""
    if isinstance(section, SimCamera):
        return SIM_SIZE, SIM_SIZE
    if isinstance(section, ReplayCamera):
        return None
    return section.width, section.height
