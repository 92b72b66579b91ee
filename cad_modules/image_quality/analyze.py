"""Rate how well a picture can be read, from its pixels alone."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cad_modules.contract import AnalysisContext, Finding, Findings, Image

LONGEST_SIDE: Final = 512
"""Pictures are rated at this size or below, so that one picture gets one score from any screen."""
DARK: Final = 8
"""Gray level; where the neighbourhood's mean is below, nothing was imaged: it does not count."""
NEIGHBOURHOOD: Final = 15
"""Pixels of the side."""
WHITE: Final = 254
"""From here on a pixel is clipped. Black is no fault in an ultrasound picture: fluid and shadow are black."""
SMALLEST_CONTENT: Final = 0.01
"""Of the picture; with less imaged there is nothing to rate and the score is 0."""

FULL_CONTRAST: Final = 170.0
"""Range from the 5th to the 95th percentile that counts as all the contrast there can be."""
FULL_SHARPNESS: Final = 0.65
"""Mid-band over low-band amplitude that counts as sharp; the sharpest tenth of the training pictures reach it."""
TOLERABLE_NOISE: Final = 8.0
"""Gray levels; noise of this strength halves the score."""
TOLERABLE_CLIPPING: Final = 0.10
"""Part of the imaged area; clipping of this extent halves the score."""


@dataclass(frozen=True, slots=True)
class Quality:
    """What the score is made of."""

    sharpness: float
    contrast: float
    noise: float
    """Standard deviation, in gray levels."""
    clipped_fraction: float

    @property
    def score(self) -> float:
        """0 to 1; every fault multiplies, so that one bad fault is not outweighed by the rest."""
        noise = 1 / (1 + (self.noise / TOLERABLE_NOISE) ** 2)
        clipping = 1 / (1 + (self.clipped_fraction / TOLERABLE_CLIPPING) ** 2)
        return float(np.sqrt(self.sharpness * self.contrast) * noise * clipping)


def analyze(image: Image, context: AnalysisContext) -> Findings:
    """Rate sharpness, contrast, noise and clipping of the imaged area.

    Args:
        image: Gray, shape (height, width), uint8.
        context: Not used; the method is the same for every category.

    Returns:
        ``quality_score``, ``sharpness``, ``contrast``, ``clipped_fraction`` (0 to 1) and ``noise`` (gray levels). They
        compare pictures of one kind with each other; they are no thresholds for reading a picture.

    Source: noise, Immerkaer, Computer Vision and Image Understanding 1996;64:300-302, with the median for the mean;
    sharpness, ratio of band energies after Pech-Pacheco et al., ICPR 2000.
    """
    quality = rate(image)
    return Findings(
        (
            Finding("quality_score", quality.score, "1"),
            Finding("sharpness", quality.sharpness, "1"),
            Finding("contrast", quality.contrast, "1"),
            Finding("noise", quality.noise, "gray levels"),
            Finding("clipped_fraction", quality.clipped_fraction, "1"),
        )
    )


def rate(image: Image) -> Quality:
    """The parts of the score."""
    small = reduced(image)
    imaged = cv2.blur(small, (NEIGHBOURHOOD, NEIGHBOURHOOD)) >= DARK
    if imaged.mean() < SMALLEST_CONTENT:
        return Quality(sharpness=0.0, contrast=0.0, noise=0.0, clipped_fraction=0.0)
    counts = np.bincount(small[imaged], minlength=256)
    low, high = quantile(counts, 0.05), quantile(counts, 0.95)
    return Quality(
        sharpness=_sharpness(small, imaged),
        contrast=min((high - low) / FULL_CONTRAST, 1.0),
        noise=_noise(small, imaged),
        clipped_fraction=float(counts[WHITE:].sum() / counts.sum()),
    )


def quantile(counts: NDArray[np.int64], part: float) -> float:
    """The value below which a part of whole numbers lies, each spread evenly over half a step around itself.

    Args:
        counts: How often each number from 0 on occurs.
        part: 0 to 1.
    """
    below = np.concatenate(([0], np.cumsum(counts)))
    return float(np.interp(part * below[-1], below, np.arange(len(below)) - 0.5))


def reduced(image: Image) -> Image:
    """The picture at the size that is rated; never enlarged."""
    scale = LONGEST_SIDE / max(image.shape)
    if scale >= 1:
        return image
    width, height = (max(round(side * scale), 1) for side in image.shape[::-1])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _sharpness(image: Image, imaged: NDArray[np.bool_]) -> float:
    """Amplitude of details of 4 to 8 pixels over those of 8 to 16: blur takes the former first, noise is in neither."""
    fine = cv2.GaussianBlur(image, (0, 0), 1).astype(np.float32)
    # Wide blurs at half the size: sigma 0.8 of the smaller picture with its own averaging is near 2 of the larger one.
    half = cv2.resize(fine, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    middle, coarse = cv2.GaussianBlur(half, (0, 0), 0.8), cv2.GaussianBlur(half, (0, 0), 2)
    inside = imaged[::2, ::2][: half.shape[0], : half.shape[1]]
    half, middle, coarse = (band[: inside.shape[0], : inside.shape[1]] for band in (half, middle, coarse))
    if not inside.any():
        return 0.0
    mid_band, low_band = (half - middle)[inside], (middle - coarse)[inside]
    return float(min(np.sqrt(np.mean(mid_band**2) / (np.mean(low_band**2) + 0.25)) / FULL_SHARPNESS, 1.0))


def _noise(image: Image, imaged: NDArray[np.bool_]) -> float:
    """Standard deviation of the noise: its response to a kernel that is blind to planes and edges."""
    kernel = np.array(((1, -2, 1), (-2, 4, -2), (1, -2, 1)), np.float32)
    response = cv2.filter2D(image, cv2.CV_16S, kernel)[imaged]
    return max(quantile(np.bincount(np.abs(response)), 0.5), 0.0) / (6 * 0.6745)
