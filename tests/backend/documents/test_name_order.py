"""Names are listed as people count and spell, page after page."""

from typing import Any

import pytest

from tests.support.api import Api

ORDERED = [
    "2026-1 report",
    "2026-01 report b",
    "Apfel",
    "Äpfelchen",
    "apfelmus",
    "letter 2",
    "Letter 10",
    "letter 10 b",
    "letter 123456789012345678901",
    "zoo",
    "Ωmega",
    "письмо 9",
    "письмо 10",
]


async def _listed(admin: Api, cabinet: int, kind: str, **params: Any) -> list[str]:
    names: list[str] = []
    while True:
        page = (
            await admin.get(f"/folders/{cabinet}/children", params={"limit": 2, **params})
        ).json()
        names += [item["name"] for item in page[kind]]
        if page["next_cursor"] is None:
            return names
        params["cursor"] = page["next_cursor"]


@pytest.mark.parametrize("kind", ["documents", "folders"])
async def test_names_are_listed_by_number_and_letter(admin: Api, kind: str) -> None:
    cabinet = await admin.folder("Letters")
    for name in sorted(ORDERED, key=lambda name: name[::-1]):
        if kind == "folders":
            await admin.folder(name, cabinet)
        else:
            await admin.document(cabinet, name)
    assert await _listed(admin, cabinet, kind) == ORDERED
    if kind == "documents":
        assert await _listed(admin, cabinet, kind, order="desc") == ORDERED[::-1]


async def test_a_new_name_is_a_new_place(admin: Api) -> None:
    cabinet = await admin.folder("Letters")
    for name in ("a 1", "a 2"):
        document = await admin.document(cabinet, name)
    await admin.patch(f"/documents/{document['id']}", {"name": "a 0"})
    assert await _listed(admin, cabinet, "documents") == ["a 0", "a 1"]
