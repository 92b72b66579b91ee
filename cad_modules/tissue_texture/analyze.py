"""Measure the speckle of soft tissue."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cad_modules.contract import AnalysisContext, Finding, Findings, Image, UnsuitableImage

DYNAMIC_RANGE_DB: Final = 60.0
"""Between black and white, as most scanners are set; they do not tell. A tenth more makes m about a fifth less."""
WINDOWS_ACROSS: Final = 12
"""Windows along the longer side; each holds many speckles and one kind of tissue at best."""
SMALLEST_WINDOW: Final = 12
"""Pixels of the side; smaller ones hold too few speckles."""
TISSUE_RANGE: Final = (16.0, 235.0)
"""Mean gray level of a window that shows tissue: not shadow or fluid, not clipped."""
LARGEST_EXTREME_FRACTION: Final = 0.05
"""Pixels of a window that are black or white: what is clipped has lost its statistics."""
FEWEST_WINDOWS: Final = 6


def analyze(image: Image, context: AnalysisContext) -> Findings:
    """Measure windows of tissue and give their medians.

    Args:
        image: Gray, shape (height, width), uint8; a B-mode picture.
        context: Not used; the method is the same for every category.

    Returns:
        ``nakagami_m``: 1 for fully developed speckle, less for few or clustered scatterers, more for regular structure,
        with the quartiles over the windows as interval; ``entropy`` (bits) of the gray levels; ``echogenicity``, mean
        gray level over white.

    Raises:
        UnsuitableImage: Too little of the picture is tissue that is neither black nor clipped.

    Source: Shankar, IEEE Trans Med Imaging 2000;19:727-735 (Nakagami, estimated by moments); Tsui et al., Sci Rep
    2017;7:41004 (entropy of the envelope).
    """
    windows = tissue_windows(image)
    if len(windows) < FEWEST_WINDOWS:
        raise UnsuitableImage("too little tissue is visible: the picture is mostly black or clipped")
    parameters = [nakagami_m(window) for window in windows]
    low, middle, high = (float(value) for value in np.percentile(parameters, (25, 50, 75)))
    return Findings(
        (
            Finding("nakagami_m", middle, "1", (low, high)),
            Finding("entropy", float(np.median([entropy(window) for window in windows])), "bits"),
            Finding("echogenicity", float(np.median([window.mean() for window in windows])) / 255, "1"),
        )
    )


def tissue_windows(image: Image) -> list[Image]:
    """Square windows of the picture that show tissue, side by side."""
    side = max(max(image.shape) // WINDOWS_ACROSS, SMALLEST_WINDOW)
    windows = []
    for top in range(0, image.shape[0] - side + 1, side):
        for left in range(0, image.shape[1] - side + 1, side):
            window = image[top : top + side, left : left + side]
            extreme = float(np.mean((window == 0) | (window == 255)))
            if TISSUE_RANGE[0] <= window.mean() <= TISSUE_RANGE[1] and extreme <= LARGEST_EXTREME_FRACTION:
                windows.append(window)
    return windows


def nakagami_m(window: Image) -> float:
    """Squared mean over variance of the echo intensity, after the logarithmic compression is undone.

    A flat window, which no tissue is, counts as if it held one gray level of noise.
    """
    decibel = _without_slope(window) * (DYNAMIC_RANGE_DB / 255)
    intensity = 10 ** (decibel / 10)
    return float(np.mean(intensity) ** 2 / max(float(np.var(intensity)), float(np.mean(intensity)) ** 2 * 1e-3))


def entropy(window: Image) -> float:
    """Shannon entropy of the gray levels in bits, 0 to 8."""
    share = np.bincount(window.ravel(), minlength=256) / window.size
    share = share[share > 0]
    return max(float(-np.sum(share * np.log2(share))), 0.0)


def _without_slope(window: Image) -> NDArray[np.float64]:
    """The window less the plane through it: depth gain and layers are no speckle. Its mean is 0."""
    rows, columns = (np.arange(side) - (side - 1) / 2 for side in window.shape)
    values = window - float(window.mean())
    down = values.mean(axis=1) @ rows / (rows @ rows)
    across = values.mean(axis=0) @ columns / (columns @ columns)
    level: NDArray[np.float64] = values - down * rows[:, np.newaxis] - across * columns
    return level
