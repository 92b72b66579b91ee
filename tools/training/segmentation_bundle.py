"""Write the bundle of a trained segmentation network and account for what int8 costs."""

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle, Card
from models.preprocessing import fit
from tools.training.bundle_writer import to_real, update_card, write_bundle
from tools.training.dataset import Row, training_sets
from tools.training.mobilenet import ORIGIN
from tools.training.segmentation_augment import augmented, coverage
from tools.training.segmentation_data import Sample
from tools.training.segmentation_metrics import dice
from tools.training.segmentation_phantoms import phantoms
from tools.training.segmentation_settings import SegmentationSettings

VERSION: Final = "1.0.0"
REPRESENTATIVE_PLAIN: Final = 64
REPRESENTATIVE_CHANGED: Final = 64
"""Changed pictures widen the activations' ranges to what other scanners cause."""
GOLDEN_COUNT: Final = 3
GOLDEN_TOLERANCE: Final = 8
"""int8 U-Nets differ by up to 7 steps between machines' kernels."""


def write_segmentation_bundle(
    folder: Path, network: Any, settings: SegmentationSettings, rows: list[Row], training: list[Sample]
) -> Card:
    """Convert a network to int8 and write its bundle; metrics are filled in by ``tools/evaluate_segmentation``.

    Args:
        folder: Of the bundle.
        network: Keras model of ``build_network``.
        settings: It was trained with.
        rows: It was trained on.
        training: Their pictures; the converter takes the activations' ranges from some of them.
    """
    sets = training_sets(rows)
    free = all(entry.commercial_use == "yes" for entry in sets)
    use = "Commercial use allowed with citation." if free else "Non-commercial research only, by the sets' licences."
    return write_bundle(
        folder,
        network,
        [_representative(settings, training)],
        phantoms(settings.name, settings.size, GOLDEN_COUNT, settings.seed),
        name=settings.name,
        version=VERSION,
        task="segmentation",
        summary=settings.summary,
        labels=settings.labels,
        golden_tolerance=GOLDEN_TOLERANCE,
        origin=f"Encoder: {ORIGIN}; decoder from random weights.",
        weights_use=use,
        limits=settings.limits,
        training_data=sets,
        metrics={},
        int8={},
    )


def _representative(settings: SegmentationSettings, training: list[Sample]) -> NDArray[np.uint8]:
    rng = np.random.default_rng(settings.seed)
    plain = rng.choice(len(training), min(REPRESENTATIVE_PLAIN, len(training)), replace=False)
    images = [fit(training[i].image, settings.size, settings.size) for i in plain]
    for i in rng.choice(len(training), REPRESENTATIVE_CHANGED):
        sample = training[i]
        images.append(augmented(sample.image, sample.masks, settings.size, settings.augmentation, rng)[0])
    return np.stack(images)[..., np.newaxis]


def account_for_int8(folder: Path, network: Any, settings: SegmentationSettings, test: list[Sample]) -> Card:
    """Compare the int8 bundle with its float network on the test split and write the difference to the card."""
    bundle = Bundle(folder)
    images = np.stack([fit(sample.image, settings.size, settings.size) for sample in test])
    as_float = network.predict(to_real(images)[..., np.newaxis], batch_size=8, verbose=0) > 0
    as_int8 = np.stack([bundle.infer(image).values for image in images]) > 0.5
    half = settings.size // 2
    true = np.stack([coverage(sample.masks, half) for sample in test]) > 127
    drop = {
        label: round(_mean_dice(as_float, true, k) - _mean_dice(as_int8, true, k), 5)
        for k, label in enumerate(settings.labels)
    }
    changed = float(np.mean(as_float != as_int8))
    return update_card(
        folder,
        int8={
            "compared_with": "the float network on the test split, at the network's output size",
            "test_pictures": len(test),
            "dice_drop": drop,
            "pixel_flip_rate": round(changed, 6),
        },
    )


def _mean_dice(predicted: NDArray[np.bool_], true: NDArray[np.bool_], label: int) -> float:
    return float(np.mean([dice(p[..., label], t[..., label]) for p, t in zip(predicted, true, strict=True)]))
