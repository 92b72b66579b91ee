"""What persons say of reports, through the store's whole life."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from fakes.reports import NOON, make_report

from edge_app.messages import Amends, Opinion, Report, uuid7
from edge_app.store import Retention, Store


def opinion_on(report: Report, opinion: str = "agree", by: str = "anna") -> Opinion:
    said = {"report_id": report.report_id, "module": "breast_lesion", "feature": "lesion_area", "at": NOON}
    return Opinion.model_validate({**said, "opinion_id": uuid7(), "opinion": opinion, "by": by})


def amending(report: Report) -> Report:
    amends = Amends(
        report_id=report.report_id, previous_category="us_breast", previous_decision="accepted",
        by_role="operator", reanalysed=True,
    )  # fmt: skip
    return make_report(9, category="us_liver").model_copy(update={"amends": amends})


def rows(store: Store, table: str) -> list[tuple[str, ...]]:
    with store._reading() as connection:
        return connection.execute(f"SELECT * FROM {table}").fetchall()


def test_opinions_and_replacements_are_pruned_with_their_report(store: Store) -> None:
    report = make_report(1)
    store.put(report)
    store.put(amending(report))
    store.keep_opinion(opinion_on(report))
    store.mark_delivered([one.outbox_id for one in store.next_unsent(0, 10)])
    assert store.prune(Retention(10**12, 0.0, 0.0), datetime.now(UTC)).reports == 2
    assert rows(store, "opinions") == rows(store, "amended") == []


def test_an_opinion_needs_its_report(store: Store) -> None:
    from edge_app.errors import StoreError

    with pytest.raises(StoreError):
        store.keep_opinion(opinion_on(make_report()))


def test_opinions_and_replacements_are_carried_over_from_a_damaged_store(tmp_path: Path) -> None:
    report = make_report(1)
    before = Store(tmp_path / "store.sqlite3")
    before.put(report)
    before.put(amending(report))
    before.keep_opinion(opinion_on(report, "disagree"))
    before.close()
    after = Store(tmp_path / "store.sqlite3", damaged=True)
    ((*_, opinion, account, _),) = rows(after, "opinions")
    assert (opinion, account) == ("disagree", "anna")
    assert [replaced for _, replaced in rows(after, "amended")] == [report.report_id]
    after.close()


def test_reports_of_earlier_versions_replace_nothing() -> None:
    content = make_report().model_dump(mode="json", by_alias=True)
    del content["amends"]
    assert Report.model_validate(content).amends is None
