from collections.abc import Iterator
from datetime import timedelta

import pytest
from fakes.reports import NOON, make_clip_report, make_report

from edge_app.messages import Amends, Opinion, uuid7
from edge_app.store import Store
from edge_app.web import worklist as module
from edge_app.web.report_shapes import ReportPage
from edge_app.web.worklist import BadCursor, Worklist


@pytest.fixture
def worklist(store: Store) -> Iterator[Worklist]:
    worklist = Worklist(store.path)
    yield worklist
    worklist.close()


def seconds(worklist: Worklist, **wanted: object) -> list[int]:
    """The reports that are listed, by when they were made."""
    found = worklist.page(ReportPage.model_validate(wanted)).reports
    return [round((summary.created_at - NOON).total_seconds()) for summary in found]


def test_pages_hold_every_report_once_newest_first(store: Store, worklist: Worklist) -> None:
    for number in range(7):
        store.put(make_report(number // 2))  # some at the same time
    ids, cursor = [], None
    while True:
        page = worklist.page(ReportPage(limit=3, cursor=cursor))
        ids += [summary.report_id for summary in page.reports]
        if (cursor := page.next_cursor) is None:
            break
    assert len(ids) == len(set(ids)) == 7
    assert seconds(worklist) == [3, 2, 2, 1, 1, 0, 0]


def test_filters_choose_by_category_decision_scope_time_and_delivery(store: Store, worklist: Worklist) -> None:
    store.put(make_report(0, category="us_liver"))
    store.put(make_report(1))
    store.put(make_report(2, decision="ambiguous"))
    store.put(make_report(3, decision="rejected"))
    store.put(make_clip_report(4))
    rows = {row.report_id: row for row in store.next_unsent(0, 10)}
    newest = worklist.page(ReportPage(limit=1)).reports[0].report_id
    store.mark_delivered([rows[newest].outbox_id])
    store.mark_refused(min(row.outbox_id for row in rows.values()), "too large")
    assert seconds(worklist, category="us_breast") == [4, 1]
    assert seconds(worklist, category="none") == [3]
    assert seconds(worklist, decision="accepted") == [4, 1, 0]
    assert seconds(worklist, decision="ambiguous") == [2]
    assert seconds(worklist, decision="rejected") == [3]
    assert seconds(worklist, scope="clip") == [4]
    assert seconds(worklist, delivery="sent") == [4]
    assert seconds(worklist, delivery="refused") == [0]
    assert seconds(worklist, delivery="waiting") == [3, 2, 1]
    assert seconds(worklist, since=NOON + timedelta(seconds=1), until=NOON + timedelta(seconds=3)) == [2, 1]


def test_search_looks_at_modules_reasons_and_ids_but_not_at_the_scores(store: Store, worklist: Worklist) -> None:
    report = make_report(1)
    store.put(report)
    store.put(make_report(2, category="us_nerve").model_copy(update={"analyses": ()}))
    assert seconds(worklist, q="NO LESION") == [1]
    assert seconds(worklist, q=report.report_id[-8:]) == [1]
    assert seconds(worklist, q="us_nerve") == [2]
    assert seconds(worklist, q="us_liver") == []  # among the scores of both
    assert seconds(worklist, q="%") == []


def test_search_stops_after_many_and_goes_on_from_there(
    store: Store, worklist: Worklist, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEARCHED_MOST", 4)
    monkeypatch.setattr(module, "BATCH", 2)
    for number in range(9):
        store.put(make_report(number, category="us_liver" if number == 0 else "us_breast"))
    found, cursor, pages = [], None, 0
    while True:
        page = worklist.page(ReportPage(q="us_liver", decision="accepted", limit=5, cursor=cursor))
        pages, found = pages + 1, [*found, *page.reports]
        if (cursor := page.next_cursor) is None:
            break
        assert not page.searched_all
    assert pages == 3
    assert seconds(worklist, category="us_liver") == [0] and len(found) == 1


def test_sessions_are_runs_of_the_service(store: Store, worklist: Worklist) -> None:
    first, second = uuid7(), uuid7()
    store.log("start", {"session": first, "software": "edge-cad 1"})
    between = worklist.sessions()[0].started_at + timedelta(microseconds=500)
    store.put(make_report(0).model_copy(update={"created_at": between}))
    later = between + timedelta(days=1)
    assert seconds(worklist, session=first) and not seconds(worklist, session=second)
    store.log("start", {"session": second, "software": "edge-cad 2"})
    store.put(make_report(0).model_copy(update={"report_id": uuid7(), "created_at": later}))
    assert [one.session for one in worklist.sessions()] == [second, first]
    assert len(seconds(worklist, session=second)) == 1
    assert len(seconds(worklist, session=first)) == 1


def test_a_report_is_seen_with_what_was_said_of_it_and_what_replaced_it(store: Store, worklist: Worklist) -> None:
    report = make_report(1)
    amends = Amends(
        report_id=report.report_id, previous_category="us_breast", previous_decision="accepted",
        by_role="operator", reanalysed=False, reason="no picture",
    )  # fmt: skip
    other = make_report(2, category="us_liver").model_copy(update={"amends": amends})
    store.put(report)
    store.put(other)
    said = {"report_id": report.report_id, "module": "breast_lesion", "feature": "lesion_area", "at": NOON}
    for by, opinion in (("anna", "agree"), ("ben", "agree"), ("ben", "disagree")):
        store.keep_opinion(Opinion.model_validate({**said, "opinion_id": uuid7(), "opinion": opinion, "by": by}))
    view = worklist.view(report.report_id)
    assert view is not None and view.report == report
    assert [(one.by, one.opinion) for one in view.opinions] == [("anna", "agree"), ("ben", "disagree")]
    assert (view.summary.agree, view.summary.disagree) == (1, 1)
    assert view.summary.amended_by == (other.report_id,)
    assert [one.report_id for one in view.related] == [other.report_id]
    replacing = worklist.view(other.report_id)
    assert replacing is not None and replacing.summary.amends == report.report_id
    assert store.withdraw_opinion(report.report_id, "breast_lesion", "lesion_area", "ben")
    assert not store.withdraw_opinion(report.report_id, "breast_lesion", "lesion_area", "ben")


def test_a_report_that_is_gone_is_none(worklist: Worklist) -> None:
    assert worklist.view(uuid7()) is None and worklist.body(uuid7()) is None and worklist.picture(uuid7()) is None


@pytest.mark.parametrize("cursor", ["?", "AAAA", "MjAyNg", "ZHJvcCB0YWJsZQ"])
def test_a_made_up_cursor_is_refused(worklist: Worklist, cursor: str) -> None:
    with pytest.raises(BadCursor):
        worklist.page(ReportPage(cursor=cursor))
