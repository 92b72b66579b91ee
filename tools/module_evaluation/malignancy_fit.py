"""Fit a logistic regression from a lesion's features to the probability that it is malignant."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cad_modules import breast_anatomy
from cad_modules.breast_malignancy.analyze import CALIBRATION as BREAST_CALIBRATION
from cad_modules.breast_malignancy.analyze import evidence as breast_evidence
from cad_modules.contract import AnalysisContext, Image, UnsuitableImage
from cad_modules.liver_mass.analyze import BUNDLE as LIVER_BUNDLE
from cad_modules.liver_mass.analyze import CALIBRATION as LIVER_CALIBRATION
from cad_modules.liver_mass.analyze import evidence as liver_evidence
from cad_modules.liver_mass.analyze import find_masses
from cad_modules.malignancy import Calibration
from models.bundle import Bundle
from tools.module_evaluation.lesions import Scored, calibration, discrimination
from tools.training.dataset import Row, read_image

RIDGE: Final = 1.0
"""Of the weights of standardised features: a normal prior with variance 1."""
ITERATIONS: Final = 50


@dataclass(frozen=True, slots=True)
class Case:
    """One lesion that the module could measure."""

    features: tuple[float, ...]
    malignant: bool
    group: str


@dataclass(frozen=True, slots=True)
class Fit:
    """What is fitted for one module."""

    bundle: str
    category: str
    names: tuple[str, ...]
    evidence: Callable[[Image, AnalysisContext], tuple[float, ...]]

    def cases(self, rows: list[Row], bundles: Path) -> list[Case]:
        """The lesions of pictures with a known answer, as the module sees them."""
        network = Bundle(bundles / self.bundle)
        found = []
        for row in rows:
            if row.category != self.category or row.label not in ("benign", "malignant"):
                continue
            image = read_image(row.path)
            prediction = network.infer(image)
            try:
                features = self.evidence(image, AnalysisContext(row.category, lambda _, answer=prediction: answer))  # type: ignore[misc]
            except UnsuitableImage:
                continue
            found.append(Case(features, row.label == "malignant", f"{row.set_name}/{row.group}"))
        return found


def fit(names: tuple[str, ...], cases: list[Case]) -> Calibration:
    """The ridge-penalised logistic regression and the covariance of its weights, on the features' own scale.

    Raises:
        ValueError: All cases are of one kind.

    Source: le Cessie and van Houwelingen, Appl Stat 1992;41:191-201.
    """
    features, truth = np.array([case.features for case in cases]), np.array([case.malignant for case in cases], float)
    if len(set(truth.tolist())) < 2:
        raise ValueError("malignant and benign cases are needed")
    middle, spread = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)
    design = np.column_stack(((features - middle) / spread, np.ones(len(features))))
    penalty = np.diag((*[RIDGE] * len(names), 0.0))
    weights = np.zeros(len(names) + 1)
    for _ in range(ITERATIONS):
        probability = 1 / (1 + np.exp(-design @ weights))
        hessian = (design * (probability * (1 - probability))[:, np.newaxis]).T @ design + penalty
        weights -= np.linalg.solve(hessian, design.T @ (probability - truth) + penalty @ weights)
    # From standardised features to the features themselves: weights = back @ standardised weights.
    back = np.diag((*(1 / spread), 1.0))
    back[-1, :-1] = -middle / spread
    covariance: NDArray[np.float64] = back @ np.linalg.inv(hessian) @ back.T
    return Calibration(names, tuple(_rounded(back @ weights)), tuple(tuple(_rounded(row)) for row in covariance))


def judge(calibration_used: Calibration, cases: list[Case]) -> dict[str, Any]:
    """How good the probabilities of other cases are."""
    scored = [(calibration_used.probability(case.features).value, case.malignant, case.group) for case in cases]
    return discrimination(scored) | calibration(scored)


def leave_one_group_out(names: tuple[str, ...], cases: list[Case]) -> dict[str, Any]:
    """How good the probabilities are when each group's are computed by a fit without it."""
    scored: Scored = []
    for group in sorted({case.group for case in cases}):
        fitted = fit(names, [case for case in cases if case.group != group])
        scored += [
            (fitted.probability(case.features).value, case.malignant, group) for case in cases if case.group == group
        ]
    return discrimination(scored) | calibration(scored)


def _rounded(values: NDArray[np.float64]) -> list[float]:
    return [float(f"{value:.6g}") for value in values]


FITS: Final = {
    "breast_malignancy": Fit(
        breast_anatomy.BUNDLE,
        "us_breast",
        BREAST_CALIBRATION.names,
        lambda image, context: breast_evidence(image, breast_anatomy.find_lesions(image, context)),
    ),
    "liver_mass": Fit(
        LIVER_BUNDLE,
        "us_liver",
        LIVER_CALIBRATION.names,
        lambda image, context: liver_evidence(image, find_masses(image, context)),
    ),
}
