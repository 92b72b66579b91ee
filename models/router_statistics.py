"""What the router knows beside its network: how known pictures look to it, measured after training.

Read from ``statistics.npz`` of the bundle (written by ``tools/fit_router``) and computed with NumPy alone.
"""

import io
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle, Prediction
from models.errors import BundleRejected

FILE_NAME: Final = "statistics.npz"
NEIGHBOURS: Final = 5
"""The distance of a picture is that to its so-many-th nearest known one. Chosen with held-out kinds: README."""
ODDS_WEIGHT: Final = 4.0
"""How much the network's own reject output counts against the distance. Chosen with held-out kinds: README."""
ENERGY_WEIGHT: Final = 4.0
"""How much it counts that all categories' logits are low."""
Head = Literal["softmax", "svm"]
Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class RouterStatistics:
    """One head's view of features and logits."""

    head: Head
    centre: Vector
    """Mean of the features, shape (features,)."""
    components: Vector
    """Their principal directions, shape (features, dimensions)."""
    neighbours: Vector
    """Training pictures of the categories in these directions, shape (pictures, dimensions)."""
    known_distances: Vector
    """Of validation pictures of the categories, ascending."""
    known_odds: Vector
    """Their log-odds of "reject" by this head, ascending."""
    known_energies: Vector
    """-ln of their summed exponentials of the categories' logits by this head, ascending."""
    ood_slope: float
    ood_offset: float
    nonconformity: tuple[Vector, ...]
    """For each category, -ln p(category) of its validation pictures, ascending."""
    weights: Vector
    """Support vector machine: shape (labels, features), and below (labels,)."""
    biases: Vector
    sigmoid_slopes: Vector
    sigmoid_offsets: Vector
    _neighbour_squares: Vector = field(init=False)
    """Squared lengths, shape (pictures,)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_neighbour_squares", np.square(self.neighbours).sum(axis=1))

    def logits(self, prediction: Prediction) -> NDArray[np.float64]:
        """The head's answer, shape (labels,): SoftMax of it is calibrated."""
        if self.head == "softmax":
            return prediction.values.astype(np.float64)
        margins = self.weights @ self._features(prediction) + self.biases
        return log_sigmoid(self.sigmoid_slopes * margins + self.sigmoid_offsets)

    def distance(self, prediction: Prediction) -> float:
        """How far the picture is from the known ones.

        Source: Sun et al., "Out-of-Distribution Detection with Deep Nearest Neighbors", ICML 2022 (here without
        scaling the features to unit length, which was worse on held-out kinds).
        """
        projected = (self._features(prediction) - self.centre) @ self.components
        squares = self._neighbour_squares - 2 * (self.neighbours @ projected) + projected @ projected
        return float(np.sqrt(max(0.0, np.partition(squares, NEIGHBOURS - 1)[NEIGHBOURS - 1])))

    def strangeness(self, logits: NDArray[np.float64], distance: float) -> float:
        """-ln of how seldom known pictures are so: the reject output, the energy and the distance taken together.

        Source: R. A. Fisher, "Statistical Methods for Research Workers", 1932, section 21.1 (sum of ln p), weighted;
        Liu et al., "Energy-based Out-of-distribution Detection", NeurIPS 2020.
        """
        energy = energy_of(logits)
        return (
            -ODDS_WEIGHT * _log_rarity(self.known_odds, float(logits[-1]) + energy)
            - ENERGY_WEIGHT * _log_rarity(self.known_energies, energy)
            - _log_rarity(self.known_distances, distance)
        )

    def ood_score(self, logits: NDArray[np.float64], distance: float) -> float:
        """Probability, 0 to 1, that the picture is none of the categories, if half of all pictures were none."""
        return float(np.exp(log_sigmoid(self.ood_slope * self.strangeness(logits, distance) + self.ood_offset)))

    def prediction_set(self, probabilities: NDArray[np.float64], level: float) -> tuple[int, ...]:
        """The categories that cannot be ruled out, most probable first; the most probable one always among them.

        A category is ruled out if fewer than 1 - ``level`` of its own validation pictures were as improbable.

        Args:
            probabilities: Of the categories, shape (categories,).
            level: Share of each category's pictures whose set holds it, such as 0.99.

        Source: Sadinle, Lei, Wasserman, "Least Ambiguous Set-Valued Classifiers With Bounded Error Levels",
        JASA 114:223-234, 2019 (class-conditional coverage).
        """
        order = np.argsort(-probabilities, kind="stable")
        improbable = -np.log(np.maximum(probabilities, 1e-300))
        return tuple(
            int(category)
            for rank, category in enumerate(order)
            if rank == 0 or improbable[category] <= limit(self.nonconformity[category], level)
        )

    def _features(self, prediction: Prediction) -> Vector:
        assert prediction.features is not None
        return prediction.features


def read_statistics(bundle: Bundle, head: Head) -> RouterStatistics:
    """Read a bundle's statistics.

    Raises:
        BundleNotFound, BundleRejected: They are missing, damaged or do not fit the network.
    """
    name = bundle.folder.name
    if not bundle.card.features:
        raise BundleRejected(f"{name}: its network gives no features, which a router needs")
    content = bundle.read(FILE_NAME)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            arrays = {key: stored[key].astype(np.float32) for key in stored.files}
        labels, categories = len(bundle.card.labels), len(bundle.card.labels) - 1
        slope, offset = arrays[f"{head}_ood"].tolist()
        statistics = RouterStatistics(
            head=head,
            centre=arrays["centre"],
            components=arrays["components"],
            neighbours=arrays["neighbours"],
            known_distances=arrays["known_distances"],
            known_odds=arrays[f"{head}_known_odds"],
            known_energies=arrays[f"{head}_known_energies"],
            ood_slope=slope,
            ood_offset=offset,
            nonconformity=tuple(arrays[f"{head}_nonconformity_{index}"] for index in range(categories)),
            weights=arrays["svm_weights"],
            biases=arrays["svm_biases"],
            sigmoid_slopes=arrays["svm_sigmoid_slopes"],
            sigmoid_offsets=arrays["svm_sigmoid_offsets"],
        )
    except (OSError, ValueError, KeyError) as error:
        raise BundleRejected(f"{name}/{FILE_NAME}: cannot be read ({error}): restore the bundle") from error
    features = bundle.card.features
    if statistics.weights.shape != (labels, features) or statistics.components.shape[:1] != (features,):
        raise BundleRejected(f"{name}/{FILE_NAME}: is not for {features} features and {labels} labels")
    return statistics


def limit(ascending: Vector, level: float) -> float:
    """The conformal quantile: of n values the ceil((n + 1) level)-th, infinite where n is too small for the level."""
    rank = int(np.ceil((len(ascending) + 1) * level))
    return float(ascending[rank - 1]) if rank <= len(ascending) else float("inf")


def energy_of(logits: NDArray[np.float64]) -> float:
    """-ln of the summed exponentials of the categories' logits, the last being "reject": high where none is likely."""
    return -float(np.logaddexp.reduce(logits[:-1]))


def log_sigmoid(values: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """ln(1 / (1 + exp(-values)))."""
    return -np.logaddexp(0.0, -np.asarray(values, np.float64))


def _log_rarity(ascending: Vector, value: float) -> float:
    """ln of the share of known values that are at least this large."""
    at_least = len(ascending) - int(np.searchsorted(ascending, np.float32(value), side="left"))
    return float(np.log((at_least + 1) / (len(ascending) + 1)))
