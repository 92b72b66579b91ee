"""Bring a picture of any size to a network's input, to the same bits on every machine.

Training (``tools/train_*``) and the device call the same functions, so a network never sees a picture that was
scaled in another way than the ones it learned from.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

UINT8_TO_INT8: Final = np.uint8(0x80)
"""uint8 XOR 0x80, seen as int8, is uint8 - 128: the input quantisation with scale 1/128 and zero point 0."""


def fit(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Scale a picture to (height, width), each axis on its own, with little aliasing.

    Halves the picture while it is more than four times too large, goes to twice the size with bit-exact linear
    interpolation and averages 2 x 2 pixels at the end. Only operations of OpenCV that give the same bits on x86-64
    and aarch64 are used (plain ``INTER_LINEAR`` does not).

    Args:
        image: Shape (h, w) or (h, w, 3), uint8.
        height: Rows of the result.
        width: Columns of the result.

    Returns:
        Shape (height, width) or (height, width, 3), uint8, same colour order.
    """
    while image.shape[0] >= 4 * height and image.shape[1] >= 4 * width:
        rows, columns = image.shape[0] // 2, image.shape[1] // 2
        image = cv2.resize(image[: rows * 2, : columns * 2], (columns, rows), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    doubled = cv2.resize(image, (width * 2, height * 2), interpolation=cv2.INTER_LINEAR_EXACT)
    return cv2.resize(doubled, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def to_colour(image: NDArray[np.uint8], colour: str) -> NDArray[np.uint8]:
    """Turn a gray or BGR picture into a network's channels.

    Args:
        image: Gray (h, w) or BGR (h, w, 3), uint8.
        colour: ``"gray"`` or ``"rgb"``.

    Returns:
        Shape (h, w, 1) for gray, (h, w, 3) for rgb.
    """
    if colour == "gray":
        gray = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        return np.asarray(gray, np.uint8)[:, :, np.newaxis]
    return cv2.cvtColor(image, cv2.COLOR_GRAY2RGB if image.ndim == 2 else cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


def network_input(image: NDArray[np.uint8], height: int, width: int, colour: str) -> NDArray[np.int8]:
    """Scale, order the channels and quantise a picture for a network whose input has scale 1/128 and zero point 0.

    Args:
        image: Gray (h, w) or BGR (h, w, 3), uint8.
        height: Rows of the network's input.
        width: Columns of the network's input.
        colour: ``"gray"`` or ``"rgb"``.

    Returns:
        Shape (1, height, width, channels), int8.
    """
    if colour == "gray" and image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)  # type: ignore[assignment]
    channels = to_colour(fit(image, height, width), colour)
    return np.bitwise_xor(channels, UINT8_TO_INT8).view(np.int8)[np.newaxis]
