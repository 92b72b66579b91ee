"""Which rows a network may be trained on: all, those with permissive licences, or without some categories or sets."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal

from cad_modules.contract import CATEGORIES
from tools.training.dataset import REJECT, DatasetError, Row
from tools.training.dataset_check import FEWEST_GROUPS

LicenceChoice = Literal["all", "permissive"]


@dataclass(frozen=True, slots=True)
class Choice:
    """What training sees of a data folder."""

    licence: LicenceChoice = "all"
    """``permissive`` leaves out every row whose licence is not."""
    without: tuple[str, ...] = ()
    """Categories and sets left out, to measure what the network does with what it never saw."""

    def of(self, rows: Iterable[Row]) -> list[Row]:
        """The rows that are left.

        Raises:
            DatasetError: There is no category or set of a name that is to be left out.
        """
        rows = list(rows)
        names = {name for row in rows for name in (row.category, row.set_name)}
        unknown = [name for name in self.without if name not in names]
        if unknown:
            raise DatasetError(
                f"no category or set is named {', '.join(unknown)}; there are {', '.join(sorted(names))}"
            )
        return [
            row
            for row in rows
            if row.category not in self.without
            and row.set_name not in self.without
            and (self.licence == "all" or row.licence_class == "permissive")
        ]


EVERYTHING: Final = Choice()


def without_small(choice: Choice, rows: Iterable[Row]) -> Choice:
    """The choice that also leaves out what its licence leaves too little of: categories with too few groups.

    Args:
        choice: One of ``licence="permissive"``; with all licences too few groups are an error in the data.
        rows: All rows.
    """
    if choice.licence == "all":
        return choice
    groups: dict[str, set[tuple[str, str]]] = {}
    for row in choice.of(rows):
        if row.split == "train":
            groups.setdefault(row.category, set()).add((row.set_name, row.group))
    small = sorted(category for category, found in groups.items() if len(found) < FEWEST_GROUPS and category != REJECT)
    return replace(choice, without=(*choice.without, *small))


def trained_categories(everything: Iterable[Row], chosen: Iterable[Row], choice: Choice) -> list[str]:
    """The labels that training has to find enough groups for: all but those that the choice empties of pictures."""
    before, after = ({row.category for row in rows if row.split == "train"} for rows in (everything, chosen))
    left_out = set(choice.without) | ((before - after) if choice != EVERYTHING else set())
    return [label for label in (*CATEGORIES, REJECT) if label not in left_out]
