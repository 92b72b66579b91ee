from pathlib import Path

from cad_modules.contract import CATEGORIES
from tools.training.dataset import REJECT, Row
from tools.training.router_card import left_out, weights_use


def row(category: str, set_name: str, licence: str) -> Row:
    return Row(Path("a.png"), category, set_name, "x", "train", "g", licence, None, None, {})


FREE = row("us_liver", "livers", "permissive")
BOUND = row("us_cardiac", "hearts", "research")
UNCLEAR = row("xr_knee", "knees", "unclear")


def test_one_set_that_binds_binds_the_weights_and_is_named() -> None:
    use = weights_use([FREE, BOUND, UNCLEAR])
    assert use.startswith("research and other non-commercial use")
    assert "hearts" in use and "livers" not in use


def test_permissive_sets_alone_allow_any_use_and_an_unclear_one_settles_nothing() -> None:
    assert weights_use([FREE]).startswith("any use, commercial too")
    assert "knees" in weights_use([FREE, UNCLEAR]) and "not settled" in weights_use([FREE, UNCLEAR])


def test_categories_without_pictures_are_among_the_limits() -> None:
    (limit,) = left_out([FREE])
    assert "us_liver" not in limit and "us_lung" in limit
    assert left_out([row(category, "x", "permissive") for category in (*CATEGORIES, REJECT)]) == ()
