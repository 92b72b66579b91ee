"""Write the bundle of a trained classifier of radiographs, and its figures."""

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle, Card
from tools.training.bundle_writer import to_real, update_card, write_bundle
from tools.training.dataset import training_sets
from tools.training.mobilenet import ORIGIN
from tools.training.radiograph_figures import figures, scores
from tools.training.radiograph_pictures import Picture, plain, varied
from tools.training.radiograph_settings import RadiographSettings

VERSION: Final = "1.0.0"
REPRESENTATIVE: Final = 96
GOLDEN_COUNT: Final = 3
GOLDEN_TOLERANCE: Final = 8


def write_radiograph_bundle(folder: Path, network: Any, settings: RadiographSettings, training: list[Picture]) -> Card:
    """Convert to int8 and write the bundle; metrics are filled in by ``tools/evaluate_radiograph --write``.

    Args:
        folder: Of the bundle.
        network: Of ``build_network``.
        settings: It was trained with.
        training: Its pictures; the converter takes the activations' ranges from some, half of them changed.
    """
    sets = training_sets([picture.row for picture in training])
    uses = {entry.commercial_use for entry in sets}
    use = (
        "Commercial use allowed with citation."
        if uses == {"yes"}
        else (
            "Non-commercial research only, by the sets' licences."
            if "no" in uses
            else "Unclear: a set states no licence."
        )
    )
    rng = np.random.default_rng(settings.seed)
    chosen = [training[index] for index in rng.choice(len(training), REPRESENTATIVE, replace=False)]
    images = [plain(picture, settings.size)[0] for picture in chosen]
    images += [varied(picture, settings, rng)[0] for picture in chosen]
    return write_bundle(
        folder,
        network,
        [np.stack(images)[..., np.newaxis]],
        drawn_pictures(settings.size, settings.seed),
        name=settings.name,
        version=VERSION,
        task="classification" if settings.head == "ordinal" else "segmentation",
        summary=settings.summary,
        labels=settings.labels,
        golden_tolerance=GOLDEN_TOLERANCE,
        origin=f"{ORIGIN}; head from random weights.",
        weights_use=use,
        limits=settings.limits,
        training_data=sets,
        metrics={},
        int8={},
    )


def account_for_int8(folder: Path, network: Any, settings: RadiographSettings, pictures: list[Picture]) -> Card:
    """Compare the int8 bundle with its float network on the test split and write the difference to the card."""
    bundle = Bundle(folder)
    images, places = (np.stack(part) for part in zip(*(plain(p, settings.size) for p in pictures), strict=True))
    as_float = network.predict(to_real(images)[..., np.newaxis], batch_size=16, verbose=0)
    answers = np.stack([bundle.infer(image).values for image in images]).astype(np.float64)
    if settings.head == "map":
        safe = np.clip(answers, 1e-6, 1 - 1e-6)
        answers = np.log(safe / (1 - safe))
    before, after = (scores(settings, logits, places) for logits in (as_float, answers))
    limit = 0.0 if settings.head == "map" else 1.5
    return update_card(
        folder,
        int8={
            "compared_with": "the float network on the test split",
            "test_pictures": len(pictures),
            "float_figures": figures(settings, pictures, as_float, places),
            "int8_figures": figures(settings, pictures, answers, places),
            "mean_score_difference": round(float(np.abs(before - after).mean()), 5),
            "flip_rate": round(float(np.mean((before > limit) != (after > limit))), 5),
        },
    )


def drawn_pictures(size: int, seed: int) -> NDArray[np.uint8]:
    """Clouds and edges for the golden vectors, shape (n, size, size, 1): nothing from a patient."""
    rng, pictures = np.random.default_rng(seed), []
    rows, columns = np.mgrid[:size, :size] / size
    for _ in range(GOLDEN_COUNT):
        x, y, width = rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.7), rng.uniform(0.1, 0.3)
        cloud = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / width**2)
        edges = ((columns * rng.integers(3, 9)).astype(int) % 2) * 0.3
        pictures.append(np.clip((cloud + edges) * 180 + rng.normal(20, 8, (size, size)), 0, 255))
    return np.stack(pictures).astype(np.uint8)[..., np.newaxis]
