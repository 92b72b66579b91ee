"""What the lung pattern's network learns: a logistic regression on the mean features of MobileNetV2.

Few patients are labelled (32 to learn from), so the network's own weights stay those of ImageNet, and only the weights
of the last layer are fitted: on changed copies of frames, a patient counting by the root of the number of clips.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.preprocessing import fit
from tools.training.dataset import Row, read_pictures
from tools.training.segmentation_augment import augmented
from tools.training.segmentation_settings import Augmentation

NAME: Final = "lung_pattern"
SET: Final = "us_lung_pocus"
LABELS: Final = ("pathological",)
SIZE: Final = 160
"""Rows and columns of the input."""
FRAMES: Final = 8
"""Of each clip, evenly spread."""
VARIANTS: Final = 12
"""Changed copies of each clip's or picture's frames, beside four as they are."""
DECAY: Final = 1e-3
"""Of the squared weights; chosen by cross-validation over the training patients, from 1e-4 to 1e-1."""
FOLDS: Final = 8
SEED: Final = 20261124
CHANGES: Final = Augmentation(
    rotation_degree=10,
    smallest_zoom=0.7,
    largest_zoom=1.6,
    aspect=0.2,
    shift=0.12,
    flip_probability=0.5,
    bend=0.01,
    invert_probability=0,
    ultrasound=True,
)
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """A clip, or a picture, which is a clip of one frame."""

    row: Row
    frames: list[NDArray[np.uint8]]

    @property
    def pathological(self) -> bool:
        """Whether the patient was ill: the frame's finding is not known."""
        return self.row.label != "normal"


def read_clips(rows: list[Row], split: str) -> list[Clip]:
    """The lung clips of one split."""
    return [Clip(row, read_pictures(row, FRAMES)) for row in rows if row.set_name == SET and row.split == split]


def plain(clip: Clip) -> list[NDArray[np.uint8]]:
    """The frames as the device feeds them, (SIZE, SIZE) each."""
    return [fit(np.ascontiguousarray(frame), SIZE, SIZE) for frame in clip.frames]


def shown(clip: Clip, rng: Generator) -> list[NDArray[np.uint8]]:
    """What the last layer learns from a clip: every second frame, and changed copies of random ones."""
    pictures = plain(clip)[::2]
    for _ in range(VARIANTS):
        frame = np.ascontiguousarray(clip.frames[int(rng.integers(len(clip.frames)))])
        pictures.append(augmented(frame, np.zeros((*frame.shape, 1), np.uint8), SIZE, CHANGES, rng)[0])
    return pictures


def clip_weights(clips: list[Clip]) -> Array:
    """How much each clip counts: both classes alike, a patient by the root of the number of clips; sum 1."""
    groups = [(clip.pathological, clip.row.group) for clip in clips]
    weights = np.array([groups.count(group) ** -0.5 for group in groups])
    ill = np.array([clip.pathological for clip in clips])
    for chosen in (ill, ~ill):
        weights[chosen] *= 0.5 / max(float(weights[chosen].sum()), 1e-9)
    return weights


def fit_last_layer(features: Array, targets: NDArray[np.bool_], weights: Array) -> tuple[Array, float]:
    """Weights and constant of a logistic regression with a penalty on standardised features, by Newton's method.

    Args:
        features: Shape (n, features).
        targets: Shape (n,).
        weights: Of the pictures, shape (n,), sum 1.

    Source: Hastie, Tibshirani and Friedman, "The Elements of Statistical Learning", 2009, section 4.4.
    """
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-3 * float(features.std()) + 1e-6
    scale = spread * np.sqrt(features.shape[1])
    design = np.column_stack(((features - mean) / scale, np.ones(len(features))))
    penalty = np.full(design.shape[1], DECAY)
    penalty[-1] = 0
    found = np.zeros(design.shape[1])
    for _ in range(40):
        probability = 1 / (1 + np.exp(-np.clip(design @ found, -30, 30)))
        gradient = design.T @ (weights * (probability - targets)) + penalty * found
        curvature = (design * (weights * probability * (1 - probability))[:, np.newaxis]).T @ design
        step = np.linalg.solve(curvature + np.diag(penalty + 1e-9), gradient)
        found = found - step * min(1.0, 4.0 / max(float(np.abs(design @ step).max()), 1e-9))
        if float(np.abs(step).max()) < 1e-7:
            break
    kernel = found[:-1] / scale
    return kernel, float(found[-1] - kernel @ mean)


def cross_validated(clips: list[Clip], features: list[Array], plain_features: list[Array], rng: Generator) -> Array:
    """Each clip's mean logit by a last layer that has not seen its patient, shape (clips,)."""
    groups = sorted({clip.row.group for clip in clips})
    fold = {group: number % FOLDS for number, group in enumerate(rng.permutation(groups).tolist())}
    logits = np.zeros(len(clips))
    for left_out in range(FOLDS):
        kept = [number for number, clip in enumerate(clips) if fold[clip.row.group] != left_out]
        kernel, constant = fit_on([clips[number] for number in kept], [features[number] for number in kept])
        for number, clip in enumerate(clips):
            if fold[clip.row.group] == left_out:
                logits[number] = float(np.mean(plain_features[number] @ kernel + constant))
    return logits


def fit_on(clips: list[Clip], features: list[Array]) -> tuple[Array, float]:
    """The last layer for some clips and the features of their pictures."""
    weights = clip_weights(clips)
    counts = [len(one) for one in features]
    per_picture = np.concatenate(
        [np.full(count, weight / count) for count, weight in zip(counts, weights, strict=True)]
    )
    targets = np.repeat([clip.pathological for clip in clips], counts)
    return fit_last_layer(np.concatenate(features), targets, per_picture)


def temperature(clips: list[Clip], logits: Array) -> float:
    """What the logits are divided by, so that their probabilities are calibrated on patients that were left out.

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2.
    """
    sign = np.where([clip.pathological for clip in clips], 1.0, -1.0)
    weights = clip_weights(clips)
    tried = np.geomspace(0.5, 20, 200)
    losses = [float(weights @ np.logaddexp(0, -sign * logits / value)) for value in tried]
    return round(float(tried[int(np.argmin(losses))]), 3)


def patients(clips: list[Clip], scores: Array) -> tuple[Array, NDArray[np.bool_], list[str]]:
    """Mean score, whether ill, and name of every patient; one with both kinds of clips is counted as two."""
    keys = sorted({(clip.row.group, clip.pathological) for clip in clips})
    of = [(clip.row.group, clip.pathological) for clip in clips]
    means = np.array([np.mean([score for score, key in zip(scores, of, strict=True) if key == one]) for one in keys])
    return means, np.array([ill for _, ill in keys]), [group for group, _ in keys]


def golden_pictures(count: int = 3) -> NDArray[np.uint8]:
    """Drawn streaks and lines for the golden vectors, shape (count, SIZE, SIZE, 1)."""
    rng, pictures = np.random.default_rng(SEED), []
    rows, columns = np.mgrid[:SIZE, :SIZE] / SIZE
    for _ in range(count):
        line, streak = rng.uniform(0.15, 0.35), rng.uniform(0.3, 0.7)
        drawn = 180 * np.exp(-(((rows - line) / 0.015) ** 2)) + 90 * np.exp(-(((columns - streak) / 0.05) ** 2)) * (
            rows > line
        )
        pictures.append(np.clip(drawn + rng.rayleigh(25, drawn.shape) * np.exp(-rows), 0, 255))
    return np.stack(pictures).astype(np.uint8)[..., np.newaxis]


def as_batch(pictures: list[NDArray[np.uint8]]) -> NDArray[Any]:
    """Network inputs (n, SIZE, SIZE, 1)."""
    return np.stack(pictures)[..., np.newaxis]
