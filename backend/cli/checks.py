"""Checking what is stored."""

import asyncio
import json
import sys
from typing import Annotated

import typer

from backend.content.service import Content
from backend.core.db import Database
from backend.core.settings import get_settings
from backend.documents.service.verifying import Fault, Finding, verify_organisation
from backend.identity.service import organisation_ids

_EXIT_DAMAGED = 1


def fsck(
    *, as_json: Annotated[bool, typer.Option("--json", help="One JSON object per finding.")] = False
) -> None:
    """Read every blob against its digest, and compare the database with the store.

    Exits with 1 if content is missing or damaged, naming it and the documents it belongs to. Orphans (bytes that no
    version refers to) are told of and are no damage.
    """
    faults = asyncio.run(_check(as_json=as_json))
    if any(fault.is_loss for fault in faults):
        sys.exit(_EXIT_DAMAGED)


async def _check(*, as_json: bool) -> list[Fault]:
    settings = get_settings()
    database = Database.connect(settings)
    content = Content.open_store(settings)
    faults: list[Fault] = []
    checked = 0
    try:
        async with database.transaction() as session:
            org_ids = await organisation_ids(session)
        for org_id in org_ids:
            async for finding in verify_organisation(database, content, org_id):
                checked += 1
                if finding.fault is not None:
                    faults.append(finding.fault)
                    typer.echo(_as_json(finding) if as_json else _as_text(finding))
    finally:
        await database.close()
        content.close()
    lost = sum(fault.is_loss for fault in faults)
    summary = {"checked": checked, "damaged": lost, "orphans": len(faults) - lost}
    typer.echo(json.dumps(summary) if as_json else _summary(**summary))
    return faults


def _as_json(finding: Finding) -> str:
    return json.dumps(
        {
            "organisation": finding.org_id,
            "sha256": finding.digest.hex(),
            "fault": finding.fault,
            "detail": finding.detail,
            "documents": finding.documents,
        }
    )


def _as_text(finding: Finding) -> str:
    affected = ", ".join(map(str, finding.documents))
    suffix = f" (documents {affected})" if affected else ""
    return f"{finding.fault}: {finding.digest.hex()} of organisation {finding.org_id}: {finding.detail}{suffix}"


def _summary(checked: int, damaged: int, orphans: int) -> str:
    verdict = f"{damaged} DAMAGED OR MISSING" if damaged else "all whole"
    return f"{checked} blobs checked: {verdict}; {orphans} not referred to"
