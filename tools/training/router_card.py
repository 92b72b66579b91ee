"""What the router's card says of its limits and of what its weights may be used for."""

from typing import Final

from cad_modules.contract import CATEGORIES
from tools.training.dataset import REJECT, Row

LIMITS: Final = (
    "For research use; not for diagnosis.",
    "Knows nine kinds of pictures. Of other organs seen by ultrasound, kidneys and carotids are still taken for one of "
    "them more often than not, thyroids seldom: see metrics.external.",
    "Breast from other scanners is mostly left undecided between breast and nerve, or refused: see metrics.external.",
    "Heart: learned from apical four-chamber views of one vendor (CAMUS); other views are less sure.",
    "Nerve: learned from one linear probe (USGRA). Breast: one hospital (BUSI).",
    "Extremity: hands at 64 px and fractured bones from the web; shoulders, hips and feet are rare.",
    "One picture is one answer; it does not look at a clip's movement.",
)


def weights_use(rows: list[Row]) -> str:
    """What the licences of the pictures that were trained on let the weights be used for."""
    classes = {row.licence_class for row in rows}
    binding = sorted({row.set_name for row in rows if row.licence_class in ("noncommercial", "research")})
    unclear = sorted({row.set_name for row in rows if row.licence_class == "unclear"})
    if classes <= {"permissive"}:
        return "any use, commercial too, as far as the sets' own words go (CC0, CC BY: name them; NIH: acknowledge it)"
    if binding:
        return f"research and other non-commercial use: {', '.join(binding)} allow no more"
    return f"not settled: the licence of {', '.join(unclear)} is not stated"


def left_out(rows: list[Row]) -> tuple[str, ...]:
    """For the card: the categories that the network was trained without."""
    seen = {row.category for row in rows}
    missing = [label for label in (*CATEGORIES, REJECT) if label not in seen]
    return (f"Trained without {', '.join(missing)}: never names them.",) if missing else ()
