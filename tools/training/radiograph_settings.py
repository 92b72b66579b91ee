"""What the classifiers of radiographs are trained on, and how."""

from dataclasses import dataclass
from typing import Final, Literal

from tools.training.dataset import Row


@dataclass(frozen=True, slots=True)
class RadiographSettings:
    """One network."""

    name: str
    """Of the bundle."""
    summary: str
    head: Literal["ordinal", "map"]
    """``ordinal``: one logit for each grade that may be reached. ``map``: logits for each place."""
    labels: tuple[str, ...]
    size: int
    """Rows and columns of the input."""
    deep: bool
    """Whether the head reads the layers of stride 32 too, and not those of stride 16 alone."""
    weights: dict[str, float]
    """Set -> how much its pictures count."""
    targets: dict[str, int]
    """Label -> grade, or 1 for an opacity and 0 for none. Pictures with other labels are left out."""
    variants: int
    """Random changes of each picture of weight 1; of others in proportion, at least two."""
    epochs: int
    """Times that every variant is seen."""
    learning_rate: float
    limits: tuple[str, ...]
    batch: int = 32
    seed: int = 5

    def target(self, row: Row) -> int | None:
        """Of a picture; None if it is not for this network."""
        return self.targets.get(row.label) if row.set_name in self.weights else None


SETTINGS: Final = {
    "knee_osteoarthritis": RadiographSettings(
        name="knee_osteoarthritis",
        summary="Kellgren-Lawrence grade of a frontal knee radiograph, as the probability to reach each grade",
        head="ordinal",
        labels=("kl_1_or_more", "kl_2_or_more", "kl_3_or_more", "kl_4"),
        size=192,
        deep=False,
        weights={"xr_knee_osail": 1.0, "xr_knee_osail_more": 1.0},
        targets={f"KL{grade}": grade for grade in range(5)},
        variants=12,
        epochs=3,
        learning_rate=1e-3,
        limits=(
            "Learned from crops around one joint of one study (OAI); a larger field of view is another picture.",
            "KL 4 has 34 training pictures. KL 1 is doubtful by definition, and readers disagree on it.",
            "No patient identities: both knees of one person may be in two splits.",
        ),
    ),
    "lung_opacity": RadiographSettings(
        name="lung_opacity",
        summary="Opacity at each place of a frontal chest radiograph, and whether it is mirrored; pooled by modules",
        head="map",
        labels=("opacity", "mirrored"),
        size=224,
        deep=False,
        weights={"xr_chest_nih_subset": 1.0, "xr_chest_nih_more": 1.0, "xr_chest_nih64": 0.25, "xr_chest_jsrt": 0.4},
        targets={"pneumonia": 1, "abnormal": 1, "normal": 0, "no_nodule": 0},
        variants=20,
        epochs=2,
        learning_rate=6e-4,
        limits=(
            "Labels were mined from reports by a program (ChestX-ray14) and are noisy; abnormal is more than opacity.",
            "Not for lateral views or children.",
        ),
    ),
}
