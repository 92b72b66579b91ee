"""The reports in the store, as the page lists them."""

import base64
import binascii
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from edge_app.evidence import PICTURE, read_provenance
from edge_app.messages import FindingInfo, Report
from edge_app.records import Evidence
from edge_app.store_reader import StoreReader
from edge_app.web.report_shapes import (
    CategoryCount,
    Headline,
    KeptBox,
    KeptPicture,
    OpinionInfo,
    ReportFilter,
    ReportList,
    ReportPage,
    ReportSummary,
    ReportView,
    ServiceSession,
)

HEADLINES: Final = 4
BATCH: Final = 200
"""Reports read at a time."""
SEARCHED_MOST: Final = 4000
"""Reports that one request looks through for a text."""
SESSIONS_MOST: Final = 200
ON_EVERY_PICTURE: Final = ("image_quality", "screen_text", "exposure_check")
"""Modules whose findings come last in a list."""
COLUMNS: Final = (
    "created_at, report_id, body, "
    "(SELECT iif(refusal IS NULL, 'waiting', 'refused') FROM outbox o WHERE o.report_id = r.report_id "
    " ORDER BY refusal IS NOT NULL LIMIT 1), "
    "EXISTS (SELECT 1 FROM evidence e WHERE e.report_id = r.report_id AND e.name = 'picture.png'), "
    "(SELECT group_concat(by_report_id) FROM amended a WHERE a.report_id = r.report_id), "
    "(SELECT count(*) FROM opinions p WHERE p.report_id = r.report_id AND opinion = 'agree'), "
    "(SELECT count(*) FROM opinions p WHERE p.report_id = r.report_id AND opinion = 'disagree')"
)


class BadCursor(ValueError):
    """That cursor was not given out here."""


class Worklist(StoreReader):
    """Reads the store for the page, beside the service. Any thread may call any method."""

    def page(self, wanted: ReportPage) -> ReportList:
        """Reports, newest first.

        Raises:
            BadCursor: The cursor is none.
        """
        found: list[ReportSummary] = []
        searched, position = 0, None if wanted.cursor is None else _from_cursor(wanted.cursor)
        while True:
            rows = self._rows(wanted, position, BATCH if _reads_bodies(wanted) else wanted.limit + 1)
            for row in rows:
                if len(found) == wanted.limit:
                    return ReportList(reports=tuple(found), next_cursor=_cursor(*position), searched_all=True)  # type: ignore[misc]
                if _matches(row[2], wanted):
                    found.append(_summary(row))
                position, searched = (row[0], row[1]), searched + 1
            if not rows or (not _reads_bodies(wanted) and len(rows) <= wanted.limit) or position is None:
                return ReportList(reports=tuple(found), next_cursor=None, searched_all=True)
            if searched >= SEARCHED_MOST:
                return ReportList(reports=tuple(found), next_cursor=_cursor(*position), searched_all=False)

    def every(self, wanted: ReportFilter, most: int) -> Iterator[list[tuple[ReportSummary, str]]]:
        """All reports that match, newest first, in batches: summary and JSON."""
        position, count = None, 0
        while count < most and (rows := self._rows(wanted, position, BATCH)):
            position = (rows[-1][0], rows[-1][1])
            batch = [(_summary(row), row[2]) for row in rows if _matches(row[2], wanted)][: most - count]
            count += len(batch)
            yield batch

    def view(self, report_id: str) -> ReportView | None:
        """One report with all that belongs to it; None if it is not here."""
        summary, body = self._one(report_id)
        if summary is None:
            return None
        evidence = self.read_evidence(report_id, without=PICTURE)
        picture, missing = _kept_picture(report_id, evidence, summary.has_picture)
        related = [summary.amends, *summary.amended_by]
        return ReportView(
            report=Report.from_json(body),
            summary=summary,
            picture=picture,
            picture_missing=missing,
            opinions=tuple(self._opinions(report_id)),
            related=tuple(one for other in related if other is not None and (one := self._one(other)[0]) is not None),
        )

    def body(self, report_id: str) -> str | None:
        """A report's JSON, as it is published."""
        return self._one(report_id)[1] or None

    def picture(self, report_id: str) -> bytes | None:
        """The picture kept with a report, as PNG."""
        found = (item.content for item in self.read_evidence(report_id) if item.name == PICTURE)
        return next(found, None)

    def newest(self, after: int) -> tuple[int, str | None]:
        """The row number of the newest report, and its id if the number is above ``after``."""
        with self._reading() as connection:
            row = connection.execute("SELECT rowid, report_id FROM reports ORDER BY rowid DESC LIMIT 1").fetchone()
        if row is None:
            return 0, None
        return row[0], row[1] if row[0] > after else None

    def delivery(self, report_id: str) -> str:
        """What became of a report: ``waiting``, ``sent`` or ``refused``."""
        with self._reading() as connection:
            row = connection.execute(
                "SELECT refusal FROM outbox WHERE report_id = ? ORDER BY refusal IS NOT NULL LIMIT 1", (report_id,)
            ).fetchone()
        return "sent" if row is None else "waiting" if row[0] is None else "refused"

    def categories(self) -> list[CategoryCount]:
        """How many reports there are of each category."""
        with self._reading() as connection:
            rows = connection.execute("SELECT category, count(*) FROM reports GROUP BY category ORDER BY 1").fetchall()
        return [CategoryCount(category=category, reports=count) for category, count in rows]

    def sessions(self) -> list[ServiceSession]:
        """The last runs of the service, newest first."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT entry FROM audit WHERE kind = 'start' AND kind <> 'report' ORDER BY number DESC LIMIT ?",
                (SESSIONS_MOST,),
            ).fetchall()
        entries = [json.loads(entry) for (entry,) in rows]
        return [
            ServiceSession(
                session=entry["details"]["session"], started_at=entry["at"], software=entry["details"]["software"]
            )
            for entry in entries
        ]

    def _rows(self, wanted: ReportFilter, position: tuple[str, str] | None, limit: int) -> list[tuple[Any, ...]]:
        conditions, values = self._conditions(wanted)
        if position is not None:
            conditions.append("(created_at < ? OR (created_at = ? AND report_id < ?))")
            values += [position[0], position[0], position[1]]
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        with self._reading() as connection:
            return connection.execute(
                f"SELECT {COLUMNS} FROM reports r {where} ORDER BY created_at DESC, report_id DESC LIMIT ?",
                (*values, limit),
            ).fetchall()

    def _conditions(self, wanted: ReportFilter) -> tuple[list[str], list[str]]:
        conditions, values = [], []
        if wanted.category is not None:
            conditions.append("category = ?")
            values.append(wanted.category)
        match wanted.decision:
            case "accepted":
                conditions.append("category NOT IN ('ambiguous', 'none')")
            case "ambiguous":
                conditions.append("category = 'ambiguous'")
            case "rejected":
                conditions.append("category = 'none'")
        match wanted.delivery:
            case "waiting":
                conditions.append("report_id IN (SELECT report_id FROM outbox WHERE refusal IS NULL)")
            case "refused":
                conditions.append("report_id IN (SELECT report_id FROM outbox WHERE refusal IS NOT NULL)")
            case "sent":
                conditions.append("report_id NOT IN (SELECT report_id FROM outbox)")
        since, until = wanted.since, wanted.until
        if wanted.session is not None:
            begun, ended = self._session_times(wanted.session)
            since = max(begun, since) if since is not None else begun
            until = min(ended, until) if until is not None else ended
        if since is not None:
            conditions.append("created_at >= ?")
            values.append(_time_text(since))
        if until is not None:
            conditions.append("created_at < ?")
            values.append(_time_text(until))
        return conditions, values

    def _session_times(self, session: str) -> tuple[datetime, datetime]:
        """When a run of the service began, and when the next one did."""
        ended = datetime.max.replace(tzinfo=UTC)
        for one in self.sessions():
            if one.session == session:
                return one.started_at, ended
            ended = one.started_at
        return ended, ended

    def _one(self, report_id: str) -> tuple[ReportSummary | None, str]:
        with self._reading() as connection:
            row = connection.execute(f"SELECT {COLUMNS} FROM reports r WHERE report_id = ?", (report_id,)).fetchone()
        return (None, "") if row is None else (_summary(row), row[2])

    def _opinions(self, report_id: str) -> list[OpinionInfo]:
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT opinion_id, report_id, module, feature, opinion, account, at FROM opinions "
                "WHERE report_id = ? ORDER BY at",
                (report_id,),
            ).fetchall()
        names = ("opinion_id", "report_id", "module", "feature", "opinion", "by", "at")
        return [OpinionInfo.model_validate(dict(zip(names, row, strict=True))) for row in rows]


def _reads_bodies(wanted: ReportFilter) -> bool:
    return wanted.q is not None or wanted.scope is not None


def _matches(body: str, wanted: ReportFilter) -> bool:
    """What the columns cannot say."""
    if wanted.scope is not None and f'"scope":"{wanted.scope}"' not in body:
        return False
    return wanted.q is None or wanted.q.casefold() in _searched(json.loads(body))


def _searched(report: dict[str, Any]) -> str:
    """What a search looks through. Not the scores: they name every category."""
    said = report["classification"]
    words = [report["report_id"], report["source"], said["decision"], said["reason"], *said["prediction_set"]]
    words += [(report.get("trigger") or {}).get("event", "")]
    for entry in report["analyses"]:
        words += [entry["module"], entry["status"], entry["reason"]]
        words += [finding["feature"] for finding in entry["findings"]]
    return "\n".join(words).casefold()


def _summary(row: tuple[Any, ...]) -> ReportSummary:
    created_at, report_id, body, delivery, has_picture, amended_by, agree, disagree = row
    report = json.loads(body)
    said, amends, trigger = report["classification"], report.get("amends"), report.get("trigger")
    entries = sorted(report["analyses"], key=lambda entry: entry["module"] in ON_EVERY_PICTURE)
    headline = [
        Headline.of(entry["module"], FindingInfo.model_validate(finding), entry["experimental"])
        for entry in entries
        for finding in entry["findings"]
    ]
    clock = report.get("clock")
    return ReportSummary(
        report_id=report_id,
        created_at=created_at,
        time_trusted=clock is None or clock["trusted"],
        scope=report["scope"],
        source=report["source"],
        decision=said["decision"],
        category=said["category"],
        prediction_set=tuple(said["prediction_set"]),
        probability=said["scores"][0]["probability"] if said["scores"] else None,
        reason=said["reason"],
        trigger=None if trigger is None else trigger["event"],
        amends=None if amends is None else amends["report_id"],
        amended_by=tuple(amended_by.split(",")) if amended_by else (),
        delivery=delivery or "sent",
        headline=tuple(headline[:HEADLINES]),
        modules=dict(Counter(entry["status"] for entry in report["analyses"])),
        has_picture=bool(has_picture),
        agree=agree,
        disagree=disagree,
    )


def _kept_picture(report_id: str, evidence: list[Evidence], there: bool) -> tuple[KeptPicture | None, str]:
    provenance = read_provenance(evidence)
    if provenance is None:
        return None, "nothing was kept with this report, or it was dropped to make room"
    if not there:
        return None, provenance.not_kept or "the picture was dropped to make room"
    area = provenance.area
    return (
        KeptPicture(
            url=f"/api/reports/{report_id}/picture.png",
            x=area.x,
            y=area.y,
            width=area.width,
            height=area.height,
            frame_width=provenance.frame_width,
            frame_height=provenance.frame_height,
            masked=tuple(KeptBox(x=box.x, y=box.y, width=box.width, height=box.height) for box in provenance.masked),
        ),
        "",
    )


def _cursor(created_at: str, report_id: str) -> str:
    return base64.urlsafe_b64encode(f"{created_at} {report_id}".encode()).decode().rstrip("=")


def _from_cursor(cursor: str) -> tuple[str, str]:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
        created_at, report_id = text.split(" ")
        datetime.fromisoformat(created_at)
    except (binascii.Error, UnicodeError, ValueError) as error:
        raise BadCursor("cursor: take next_cursor of the page before, or leave it out") from error
    return created_at, report_id


def _time_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
