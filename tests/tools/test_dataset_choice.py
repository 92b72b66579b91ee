from dataclasses import replace
from pathlib import Path

import pytest

from tools.training.dataset import DatasetError, Row
from tools.training.dataset_choice import Choice, trained_categories, without_small


def row(category: str, set_name: str, licence: str = "permissive") -> Row:
    return Row(Path("a.png"), category, set_name, "x", "train", "g", licence, None, None, {})


ROWS = [
    row("us_liver", "livers"),
    row("us_lung", "lungs_free"),
    row("us_lung", "lungs_bound", "noncommercial"),
    row("us_cardiac", "hearts", "research"),
    row("reject", "mr", "unclear"),
    row("reject", "photos"),
]


def test_permissive_keeps_only_rows_that_are_so() -> None:
    assert [one.set_name for one in Choice("permissive").of(ROWS)] == ["livers", "lungs_free", "photos"]


def test_category_or_set_is_left_out_by_its_name() -> None:
    left = Choice(without=("us_lung", "mr")).of(ROWS)
    assert [one.set_name for one in left] == ["livers", "hearts", "photos"]


def test_name_that_is_not_there_is_an_error_that_lists_what_is() -> None:
    with pytest.raises(DatasetError, match=r"lunges.*us_lung"):
        Choice(without=("lunges",)).of(ROWS)


def test_categories_that_the_licence_empties_need_no_groups_and_missing_ones_do() -> None:
    choice = Choice("permissive")
    needed = trained_categories(ROWS, choice.of(ROWS), choice)
    assert "us_cardiac" not in needed
    assert {"us_liver", "us_lung", "reject", "us_breast"} <= set(needed)  # breasts were never there: still asked for


def test_category_with_too_few_permissive_groups_is_left_out_with_that_licence_alone() -> None:
    few = [replace(row("us_lung", "lungs"), group=f"p{number}") for number in range(19)]
    enough = [replace(row("us_liver", "livers"), group=f"p{number}") for number in range(20)]
    rows = [*few, *enough, row("reject", "photos")]
    choice = without_small(Choice("permissive"), rows)
    assert choice.without == ("us_lung",)
    assert {one.category for one in choice.of(rows)} == {"us_liver", "reject"}
    assert without_small(Choice(), rows) == Choice()
