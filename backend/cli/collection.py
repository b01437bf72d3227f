"""`dms gc`."""

import asyncio
import json
import sys
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any

import typer

from backend.cli.acts import record_act
from backend.collection import service as collection
from backend.collection.service import Collection, Survey, Total
from backend.content.service import Content
from backend.core.db import Database
from backend.core.logging import configure_logging
from backend.core.settings import get_settings
from backend.identity.service import organisation_ids

_EXIT_INCOMPLETE = 1


def gc(
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what it would free.")
    ] = False,
    grace: Annotated[
        float | None, typer.Option(min=0, help="Hours, instead of DMS_GC_GRACE_HOURS.")
    ] = None,
    adopt_all: Annotated[
        bool, typer.Option("--adopt-all", help="Free also what is strange; see below.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per organisation, and one of all.")
    ] = False,
) -> None:
    """Destroy, for good, the content that no document has referred to for the grace period.

    Exits with 1 where the store could not remove something, or where it has so much that the database does not know of
    that this is left alone as strange: is it the right database, of the right day?
    """
    settings = get_settings()
    configure_logging(settings)
    wait = timedelta(hours=settings.gc_grace_hours if grace is None else grace)
    sys.exit(asyncio.run(_run(wait, dry_run=dry_run, adopt_all=adopt_all, as_json=as_json)))


async def _run(grace: timedelta, *, dry_run: bool, adopt_all: bool, as_json: bool) -> int:
    settings = get_settings()
    database = Database.connect(settings)
    content = Content.open_store(settings)
    reports: list[Collection | Survey] = []
    try:
        async with database.transaction() as session:
            org_ids = await organisation_ids(session)
            pins = await collection.live_pins(session)
        for org_id in org_ids:
            report: Collection | Survey
            if dry_run:
                report = await collection.survey(database, content, org_id, grace=grace)
            else:
                report = await collection.collect(
                    database, content, org_id, grace=grace, adopt_all=adopt_all
                )
                await record_act(
                    database,
                    "store.collected",
                    "store:content",
                    {**asdict(report), "adopt_all": adopt_all},
                    org_ids=[org_id],
                )
            reports.append(report)
            _say({"organisation": org_id, **asdict(report)}, as_json=as_json)
        if not dry_run:
            await collection.sweep_temporary(content)
    finally:
        await database.close()
        await asyncio.to_thread(content.close)
    held = [{"reason": pin.reason, "until": pin.expires_at.isoformat()} for pin in pins]
    _say({"organisations": len(reports), **_sum(reports), "pins": held}, as_json=as_json)
    incomplete = any(isinstance(r, Collection) and (r.failed or r.strange) for r in reports)
    return _EXIT_INCOMPLETE if incomplete else 0


def _sum(reports: list[Collection | Survey]) -> dict[str, Any]:
    """Add the reports up, field by field."""
    total: dict[str, Any] = {}
    for report in reports:
        for name, value in asdict(report).items():
            if isinstance(value, dict):
                sums = total.setdefault(name, asdict(Total()))
                for part, number in value.items():
                    sums[part] += number
            else:
                total[name] = total.get(name, 0) + value
    return total


def _say(report: dict[str, Any], *, as_json: bool) -> None:
    typer.echo(json.dumps(report) if as_json else _as_text(report))


def _as_text(report: dict[str, Any]) -> str:
    organisation = report.get("organisation")
    who = f"organisation {organisation}" if organisation else "in all"
    facts = [_fact(name, value) for name, value in report.items() if name in _WORDS and value]
    held = [
        f"held by a pin until {pin['until']}: {pin['reason']}" for pin in report.get("pins", [])
    ]
    return f"{who}: {'; '.join([fact for fact in facts if fact] + held) or 'nothing to free'}"


_WORDS = {
    "freed": "freed",
    "collectable": "would be freed",
    "waiting": "unreferenced, not freed yet",
    "orphans": "unknown to the database",
    "adopted": "adopted",
    "failed": "NOT REMOVED, see the log",
    "strange": "UNKNOWN TO THE DATABASE and left alone: is it the right one? (--adopt-all)",
}


def _fact(name: str, value: int | dict[str, int]) -> str:
    if isinstance(value, int):
        return f"{value} {_WORDS[name]}"
    blobs, size = value["blobs"], value["stored_size"]
    return f"{blobs} {_WORDS[name]} ({size} bytes)" if blobs else ""
