"""Brings pixels of more than 8 bits, or of floats, to the 8 bits that a frame has."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

PERCENTILES: Final = (0.1, 99.9)
"""What is darker or brighter than these percentiles of the picture becomes black or white; a marker or a dead pixel
then does not take the contrast from the rest."""
SAMPLE_SIZE: Final = 1 << 20
"""Percentiles are taken over about this many evenly spread pixels."""


def percentile_window(values: NDArray[Any]) -> tuple[float, float]:
    """The levels, in the values' own unit, that become black and white when the picture names none itself.

    Values that are not finite do not count; without any finite value the window is (0, 0).
    """
    flat = values.reshape(-1)
    sample = flat[:: max(1, flat.size // SAMPLE_SIZE)]
    if np.issubdtype(sample.dtype, np.floating):
        sample = sample[np.isfinite(sample)]
    if sample.size == 0:
        return 0.0, 0.0
    low, high = np.percentile(sample, PERCENTILES)
    if low == high:  # nearly flat: a few pixels hold all that there is to see
        low, high = sample.min(), sample.max()
    return float(low), float(high)


def scale_to_8_bit(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """The values with ``low`` as 0 and ``high`` as 255, cut off outside; NaN and a window without width give 0."""
    if not high > low:
        return np.zeros(values.shape, np.uint8)
    # float32 holds 16-bit levels exactly, and costs half.
    scaled: NDArray[np.floating[Any]] = values.astype(np.float64 if values.dtype.itemsize > 2 else np.float32)
    np.subtract(scaled, low, out=scaled)
    np.multiply(scaled, 255.0 / (high - low), out=scaled)
    np.nan_to_num(scaled, copy=False, nan=0.0, posinf=255.0, neginf=0.0)
    np.clip(scaled, 0, 255, out=scaled)
    np.rint(scaled, out=scaled)
    return scaled.astype(np.uint8)
