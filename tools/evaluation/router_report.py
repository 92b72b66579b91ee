"""The router's figures as REPORT.md with charts beside it."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tools.evaluation.charts import line_chart, matrix_chart
from tools.evaluation.router_answers import LABELS

DECISIONS = ("accepted_right", "accepted_wrong", "ambiguous_right", "ambiguous_wrong", "rejected")


def write_report(report: Mapping[str, Any], split: str, folder: Path) -> None:
    """Write ``REPORT.md`` and ``report/*.svg`` to the folder.

    Args:
        report: As ``tools/evaluate router`` makes it.
        split: The one that curves and changed pictures are of.
        folder: Made if needed.
    """
    pictures = folder / "report"
    pictures.mkdir(parents=True, exist_ok=True)
    main = report[split]
    (pictures / "confusion.svg").write_text(_confusion(main["confusion"], split))
    curves = main["curves"]
    reliability = {
        head: [(one["confidence"], one["accuracy"]) for one in curve["reliability"]] for head, curve in curves.items()
    }
    (pictures / "reliability.svg").write_text(
        line_chart(f"Reliability, {split}", ("confidence", "accuracy"), reliability, diagonal=True)
    )
    risk = {head: curve["risk_coverage"] for head, curve in curves.items()}
    (pictures / "risk_coverage.svg").write_text(
        line_chart(f"Risk over coverage, {split}", ("share accepted", "of these wrong"), risk, limits=(1.0, 0.2))
    )
    (folder / "REPORT.md").write_text("\n".join(_markdown(report, split)) + "\n")


def _confusion(counts: Mapping[str, Mapping[str, int]], split: str) -> str:
    rows = [label for label in LABELS if label in counts]
    table = np.array([[float(counts[row].get(column, 0)) for column in LABELS] for row in rows])
    return matrix_chart(f"True (rows) and named (columns), {split}", rows, LABELS, table)


def _markdown(report: Mapping[str, Any], split: str) -> Iterable[str]:
    yield "# Report on the router"
    yield ""
    yield f"Made by `tools/evaluate router`; network {report['model']['sha256'][:12]}. Int8, as on the device."
    yield "Intervals: 95 %, by drawing patients (groups) again. For research use; not for diagnosis."
    for name in (split, *(("external",) if "external" in report and split != "external" else ())):
        yield from _split(report[name], name)
    yield from _figures("Time and int8", report["int8"])
    yield from _changed(report["changed"])
    yield from _held_out(report["held_out"])
    yield "## Charts"
    yield ""
    for title, file in (("Confusion", "confusion"), ("Reliability", "reliability"), ("Risk", "risk_coverage")):
        yield f"![{title}](report/{file}.svg)"


def _split(part: Mapping[str, Any], name: str) -> Iterable[str]:
    yield f"\n## Split {name}: {part['pictures']} pictures of {part['groups']} groups\n"
    if "macro_f1" in part:
        low, high = part["macro_f1_interval"]
        error = part["calibration_error"]
        yield f"Macro-F1 {part['macro_f1']:.4f} ({low:.3f} to {high:.3f}). Calibration error {error:.4f}.\n"
    yield "| label | recall | interval | pictures |\n|---|---|---|---|"
    yield from (_recall(label, one) for label, one in part["recall"].items())
    yield f"\n| set | recall | interval | pictures | {' | '.join(_words(one) for one in DECISIONS)} |"
    yield "|---|---|---|---|" + "---|" * len(DECISIONS)
    for set_name, one in part["recall_by_set"].items():
        decided = part["decisions_by_set"][set_name]
        yield _recall(set_name, one) + " " + " | ".join(str(decided.get(key, 0)) for key in DECISIONS) + " |"
    yield "\nThe two heads (coverage: of the category with the least; AURC: area under risk over coverage):\n"
    yield f"| head | macro-F1 | calibration error | {' | '.join(map(_words, DECISIONS))} | set size | coverage | AURC |"
    yield "|---|---|---|" + "---|" * len(DECISIONS) + "---|---|---|"
    for head, one in part["heads"].items():
        decided = " | ".join(str(one["decisions"].get(key, 0)) for key in DECISIONS)
        sets = one.get("prediction_sets")
        least = min((category["value"] for category in sets["coverage"].values()), default=0) if sets else 0
        size = f"{sets['mean_size']:.3f} | {least:.3f} (stated {sets['stated']})" if sets else "- | -"
        area = part["curves"][head]["area_under_risk_coverage"]
        yield f"| {head} | {one.get('macro_f1', '-')} | {one['calibration_error']} | {decided} | {size} | {area} |"
    unknown = {head: one.get("ood_auroc_by_set", {}) for head, one in part["heads"].items()}
    if any(unknown.values()):
        yield "\nAUROC of the open-set score, known pictures against\n"
        yield f"| set | {' | '.join(unknown)} |\n|---|" + "---|" * len(unknown)
        for set_name in next(iter(unknown.values())):
            yield f"| {set_name} | {' | '.join(str(one[set_name]) for one in unknown.values())} |"
    yield ""


def _recall(name: str, one: Mapping[str, Any]) -> str:
    low, high = one["interval"]
    return f"| {name} | {one['value']:.3f} | {low:.3f} to {high:.3f} | {one['pictures']} |"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _figures(title: str, figures: Mapping[str, float]) -> Iterable[str]:
    yield f"## {title}\n"
    yield from (f"- {_words(name)}: {value}" for name, value in figures.items())
    yield ""


def _changed(changed: Mapping[str, Mapping[str, float]]) -> Iterable[str]:
    yield "## The same pictures of the categories, changed\n"
    yield "`border only`: the middle is empty. The nearer to 1 / 9 the recall there, the less the frame tells.\n"
    names = list(next(iter(changed.values())))
    yield f"| pictures | {' | '.join(map(_words, names))} |\n|---|" + "---|" * len(names)
    for name, figures in changed.items():
        yield f"| {_words(name)} | {' | '.join(f'{figures[key]:.3f}' for key in names)} |"
    yield ""


def _held_out(held_out: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Iterable[str]:
    if not held_out:
        return
    yield "## Left out (`tools/evaluate held_out`: the head is fitted again, the network has seen them)\n"
    for part, entries in held_out.items():
        if not entries:
            continue
        names = list(next(iter(entries.values())))
        yield f"| {_words(part)} | {' | '.join(map(_words, names))} |\n|---|" + "---|" * len(names)
        for name, figures in entries.items():
            yield f"| {name} | {' | '.join(str(figures[key]) for key in names)} |"
        yield ""
