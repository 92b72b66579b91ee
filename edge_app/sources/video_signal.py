"""Whether a capture card has a signal at its input, as its driver says.

Many cards go on at the full rate without a signal, with a blue picture, bars or the last one, and OpenCV does not pass
on what the driver knows. Source: Linux media documentation, VIDIOC_ENUMINPUT and VIDIOC_QUERY_DV_TIMINGS.
"""

import errno
import fcntl
import os
import struct
from typing import Final, Literal, TypeAlias

Signal: TypeAlias = Literal["present", "absent", "unstable", "out of range", "unknown"]

VIDIOC_G_INPUT: Final = 0x80045626
VIDIOC_ENUMINPUT: Final = 0xC050561A
VIDIOC_QUERY_DV_TIMINGS: Final = 0x80845663
INPUT_BYTES: Final = 80
"""struct v4l2_input, the same on 32 and 64 bits."""
STATUS_OFFSET: Final = 56
TIMINGS_BYTES: Final = 132
NO_POWER_OR_SIGNAL: Final = 0x1 | 0x2
NO_LOCK: Final = 0x100 | 0x10000 | 0x20000
"""V4L2_IN_ST_NO_H_LOCK, _NO_SYNC, _NO_EQU."""
TIMING_ERRORS: Final[dict[int, Signal]] = {
    errno.ENOLINK: "absent",
    errno.ENOLCK: "unstable",
    errno.ERANGE: "out of range",
}


def video_signal(device: str) -> Signal:
    """What the driver of a V4L2 device says of its current input; it may be capturing meanwhile.

    ``unknown`` if the device is not there, or its driver tells neither digital timings nor an input's status (a plain
    "no fault" of the status alone counts as ``unknown`` too: drivers that know nothing say the same).
    """
    try:
        descriptor = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return "unknown"
    try:
        return _by_timings(descriptor) or _by_input(descriptor)
    finally:
        os.close(descriptor)


def _by_timings(descriptor: int) -> Signal | None:
    """From the timings that a digital receiver measures; None if the input has none."""
    try:
        fcntl.ioctl(descriptor, VIDIOC_QUERY_DV_TIMINGS, bytearray(TIMINGS_BYTES))
    except OSError as error:
        return TIMING_ERRORS.get(error.errno or 0)
    return "present"


def _by_input(descriptor: int) -> Signal:
    selected = bytearray(4)
    description = bytearray(INPUT_BYTES)
    try:
        fcntl.ioctl(descriptor, VIDIOC_G_INPUT, selected)
        description[:4] = selected
        fcntl.ioctl(descriptor, VIDIOC_ENUMINPUT, description)
    except OSError:
        return "unknown"
    (status,) = struct.unpack_from("=I", description, STATUS_OFFSET)
    if status & NO_POWER_OR_SIGNAL:
        return "absent"
    return "unstable" if status & NO_LOCK else "unknown"
