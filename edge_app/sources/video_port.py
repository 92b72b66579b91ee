"""Where a video device is plugged in, so that it is found again when it comes back under another number.

/dev/video0 may be another camera after an unplug; the place in the tree of buses stays. Source: Linux media
documentation, /sys/class/video4linux/<name>/{device,index}.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

CLASS_FOLDER: Final = Path("/sys/class/video4linux")
PERSISTENT: Final = "/dev/v4l/"
"""Paths below it name a device or a port already, and follow it by themselves."""


@dataclass(frozen=True, slots=True)
class VideoPort:
    """One video node of the device at one place."""

    place: str
    """Of the device in the tree of buses, such as the path of a USB interface."""
    index: str
    """Of the node among those of the device."""


def port_of(path: str, class_folder: Path = CLASS_FOLDER) -> VideoPort | None:
    """Where the device of a video node is plugged in; None if the kernel does not tell."""
    if path.startswith(PERSISTENT):
        return None
    return _port(class_folder / Path(path).resolve().name)


def node_at(port: VideoPort, class_folder: Path = CLASS_FOLDER) -> str | None:
    """The path of the video node that is at a port now, for example ``/dev/video1``; None if there is none."""
    try:
        entries = sorted(class_folder.iterdir())
    except OSError:
        return None
    return next((f"/dev/{entry.name}" for entry in entries if _port(entry) == port), None)


def _port(entry: Path) -> VideoPort | None:
    try:
        return VideoPort(str((entry / "device").resolve(strict=True)), (entry / "index").read_text().strip())
    except OSError:
        return None
