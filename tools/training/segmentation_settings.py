"""What each segmentation network learns, from which sets, and how: one row per bundle."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How strongly training pictures are changed; every probability is per picture."""

    rotation_degree: float
    """Standard deviation."""
    smallest_zoom: float
    """Below 1 the picture shrinks on a dark canvas, as in a scanner's frame."""
    largest_zoom: float
    aspect: float
    """Standard deviation of the logarithm of width over height: pictures are squashed to the input's shape."""
    shift: float
    """Largest shift of the centre, as a fraction of the canvas."""
    flip_probability: float
    """Left to right. 0 where the labels have sides."""
    bend: float
    """Standard deviation of a smooth deformation, as a fraction of the canvas."""
    invert_probability: float
    """Black to white: radiographs come in both polarities."""
    ultrasound: bool
    """Speckle, shadows, depth gain, calipers and a ruler; else the wires, markers and collimation of a radiograph."""


@dataclass(frozen=True, slots=True)
class SegmentationSettings:
    """One network: its labels, sets, shape and training."""

    name: str
    """Of the bundle."""
    sets: tuple[str, ...]
    """Folders of the labelled sets."""
    labels: tuple[str, ...]
    """One output channel each; they may overlap. The sets' structures, unless ``drawn_from`` says otherwise."""
    augmentation: Augmentation
    size: int = 256
    """Rows and columns of the input; the output has half as many."""
    inset: float = 0.0
    """How far the true outline lies inside the mask's, in pixels of the data set's pictures."""
    drawn_from: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Label -> the sets' structures that make it up together, where it has another name than a structure."""
    only_where: Mapping[str, str] = field(default_factory=dict)
    """Label -> the picture's own label without which it is empty: the mass, but only if it is ``malignant``."""
    in_several_places: tuple[str, ...] = ()
    """Labels of which every region counts in the evaluation, not the largest alone."""
    starts_from: str = ""
    """Row of this table whose trained network this one starts from, in place of the encoder's weights alone."""
    first_training: tuple[int, int] = (0, 0)
    """Size and epochs of an earlier training, with every weight free and the Dice of the whole batch, whose network
    this one then starts from."""
    fixed_blocks: int = 0
    """As many of the encoder's first blocks keep the weights that they start with: a third less work."""
    dice_by_picture: bool = False
    """Whether the Dice loss is that of each picture, for structures of very different sizes, or of the whole batch."""
    unlabelled_sets: tuple[str, ...] = ()
    """Sets whose train split a second round learns from, with the first round's network as teacher and start."""
    teacher_epochs: int = 16
    """Of that first round."""
    epochs: int = 26
    steps: int = 50
    """Batches per epoch."""
    batch: int = 8
    learning_rate: float = 1e-3
    """Of AdamW after the warm-up; falls to 0 along a cosine."""
    seed: int = 20261124
    summary: str = ""
    limits: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.size % 32:
            raise ValueError(f"{self.name}: the input's size {self.size} is not a multiple of 32")
        sided = any("left" in label or "right" in label for label in self.labels)
        if self.augmentation.flip_probability and sided and not self.augmentation.ultrasound:
            raise ValueError(f"{self.name}: a radiograph with sides must not be flipped")

    def knows(self, label: str, structures: Container[str]) -> bool:
        """Whether a mask with these structures says where a label is."""
        return all(structure in structures for structure in self.drawn_from.get(label, (label,)))


_CHEST: Final = Augmentation(
    rotation_degree=6,
    smallest_zoom=0.65,
    largest_zoom=1.3,
    aspect=0.12,
    shift=0.12,
    flip_probability=0,
    bend=0.015,
    invert_probability=0.12,
    ultrasound=False,
)
_FETAL_HEAD: Final = Augmentation(
    rotation_degree=25,
    smallest_zoom=0.5,
    largest_zoom=1.25,
    aspect=0.15,
    shift=0.15,
    flip_probability=0.5,
    bend=0,  # a bent head is no ellipse
    invert_probability=0,
    ultrasound=True,
)
_LEFT_VENTRICLE: Final = Augmentation(
    rotation_degree=12,
    smallest_zoom=0.5,
    largest_zoom=1.25,
    aspect=0.15,
    shift=0.15,
    flip_probability=0.1,  # some clinics show the left heart on the left
    bend=0.01,
    invert_probability=0,
    ultrasound=True,
)

_BREAST: Final = Augmentation(
    rotation_degree=8,
    smallest_zoom=0.55,
    largest_zoom=1.6,
    aspect=0.18,
    shift=0.18,
    flip_probability=0.5,
    bend=0.012,
    invert_probability=0,
    ultrasound=True,
)
_NERVE: Final = Augmentation(
    rotation_degree=10,
    smallest_zoom=0.55,
    largest_zoom=1.5,
    aspect=0.15,
    shift=0.15,
    flip_probability=0.5,
    bend=0.015,
    invert_probability=0,
    ultrasound=True,
)
_LIVER: Final = Augmentation(
    rotation_degree=10,
    smallest_zoom=0.7,
    largest_zoom=2.0,  # masses are small, and other frames fit the sector more tightly
    aspect=0.15,
    shift=0.15,
    flip_probability=0.3,
    bend=0.012,
    invert_probability=0,
    ultrasound=True,
)

_NOT_FOR_DIAGNOSIS: Final = "For research use; not for diagnosis."

SETTINGS: Final = (
    SegmentationSettings(
        name="chest_segmentation",
        sets=("xr_chest_jsrt",),
        labels=("lung_right", "lung_left", "heart"),
        unlabelled_sets=("xr_chest_nih_subset", "xr_chest_nih_more"),
        epochs=14,
        augmentation=_CHEST,
        summary="Outlines both lung fields and the heart on a frontal chest radiograph; right is the patient's right.",
        limits=(
            _NOT_FOR_DIAGNOSIS,
            "Only 83 films of one Japanese study have labels (upright, adults, nodule or healthy); the American films "
            "were outlined by a first network of the same kind, and only those on which it was sure were used.",
            "Lung fields are drawn as in JSRT: without the part of the lung behind the heart.",
            "Where a lung is white (effusion, collapse, dense pneumonia) its outline is too small.",
            "Frontal pictures of adults only: no lateral view, no children, no mirrored pictures.",
        ),
    ),
    SegmentationSettings(
        name="fetal_head_segmentation",
        sets=("us_fetal_hc18",),
        labels=("head",),
        epochs=40,
        augmentation=_FETAL_HEAD,
        # HC18's filled masks hold the outer half of the drawn line; the reference circumference is its middle.
        # Measured on the train split: an ellipse through the mask's edge is 5.7 px too long whatever its size; with
        # this inset it is 0.02 px too short. (The radius differs by 0.91 px; a staircase edge counts 0.08 px deeper.)
        inset=0.83,
        summary="Outlines the fetal head in the plane in which its circumference is measured.",
        limits=(
            _NOT_FOR_DIAGNOSIS,
            "Learned from one hospital's scanners (HC18, Nijmegen: GE Voluson E8 and 730), mostly second trimester.",
            "Finds a head wherever there is one roughly; it doesn't tell whether the plane is right for measuring.",
            "A head that is cut off by the picture's edge is outlined up to the edge.",
        ),
    ),
    SegmentationSettings(
        name="left_ventricle_segmentation",
        sets=("us_cardiac_camus", "us_cardiac_camus_more"),
        labels=("left_ventricle", "myocardium", "left_atrium"),
        epochs=32,
        augmentation=_LEFT_VENTRICLE,
        summary="Outlines the left ventricle's cavity, its muscle and the left atrium in the apical four-chamber view.",
        limits=(
            _NOT_FOR_DIAGNOSIS,
            "Learned from one vendor's pictures (CAMUS, GE Vivid E95), end of diastole and of systole only.",
            "Apical four-chamber view with the apex up; other views get outlines too, and those mean nothing.",
            "Contrast agents, pacemaker leads and paediatric hearts were not seen.",
        ),
    ),
    SegmentationSettings(
        name="breast_segmentation",
        sets=("us_breast_busi",),
        labels=("lesion", "malignant"),
        in_several_places=("lesion", "malignant"),
        drawn_from={"malignant": ("lesion",)},
        only_where={"malignant": "malignant"},
        starts_from="fetal_head_segmentation",
        size=224,
        first_training=(192, 44),
        fixed_blocks=3,
        dice_by_picture=True,
        epochs=12,
        learning_rate=7e-4,
        augmentation=_BREAST,
        summary="Outlines lesions on breast ultrasound, and those parts of them that look malignant.",
        limits=(
            _NOT_FOR_DIAGNOSIS,
            "Learned from one hospital (BUSI, Cairo: GE LOGIQ E9), single still pictures, women of 25 to 75 years.",
            "Some of its pictures of one patient may stand in two splits: no patient numbers were published.",
            "The second output says how the lesion looks, not what it is; it was learned from 125 malignant pictures.",
        ),
    ),
    SegmentationSettings(
        name="nerve_segmentation",
        sets=("us_nerve_usgra",),
        labels=("nerve", "vessel"),
        in_several_places=("nerve", "vessel"),
        size=192,
        starts_from="fetal_head_segmentation",
        epochs=36,
        augmentation=_NERVE,
        summary="Outlines peripheral nerves and blood vessels in the cross-sections of regional anaesthesia.",
        limits=(
            _NOT_FOR_DIAGNOSIS,
            "Learned from 111 pictures of volunteers by one examiner with one linear probe (Mindray TE7, L14-6Ns).",
            "The same volunteer may be in two splits: no subject numbers were published.",
            "Arteries and veins are not told apart.",
        ),
    ),
    SegmentationSettings(
        name="liver_segmentation",
        sets=("us_liver_xu", "us_liver_xu_more"),
        labels=("liver", "mass", "malignant"),
        in_several_places=("mass", "malignant"),
        drawn_from={"liver": ("liver_without_mass", "mass"), "malignant": ("mass",)},
        only_where={"malignant": "malignant"},
        size=192,
        starts_from="fetal_head_segmentation",
        fixed_blocks=3,
        dice_by_picture=True,
        epochs=14,
        augmentation=_LIVER,
        summary="Outlines the liver, masses in it, and those parts of them that look malignant.",
        limits=(
            _NOT_FOR_DIAGNOSIS,
            "Learned from one centre's pictures (Xu et al. 2023), six in ten of them malignant.",
            "Many pictures of one patient may stand in two splits: no patient numbers were published.",
            "The third output says how the mass looks, not what it is.",
        ),
    ),
)


def settings_of(name: str) -> SegmentationSettings:
    """The settings of one bundle.

    Raises:
        KeyError: There is no such bundle.
    """
    return {settings.name: settings for settings in SETTINGS}[name]
