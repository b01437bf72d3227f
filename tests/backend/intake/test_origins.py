"""How a document came in, as whoever reads it is told."""

import secrets
from typing import Any

import pytest

from backend.intake.service import file_letter
from tests.backend.intake.conftest import Ways
from tests.backend.intake.test_letters import letter, with_pdf
from tests.support.api import Api
from tests.support.clamd import Clamd
from tests.support.commands import dms, environment_of
from tests.support.queries import counted_queries

NOT_THERE = 2**31 - 1


async def origin(api: Api, document: dict[str, Any]) -> Any:
    answer = await api.get(f"/documents/{document['id']}/origin")
    assert answer.status_code == 200, answer.text
    return answer.json()["origin"]


async def letters(ways: Ways) -> dict[str, Any]:
    """Make a way in for letters."""
    address = f"{secrets.token_hex(6)}@in.example.org"
    return await ways.source({"kind": "smtp", "address": address}, keeps="both")


async def file(ways: Ways, source: dict[str, Any], data: bytes) -> dict[str, dict[str, Any]]:
    """File a letter as whoever fetches or takes it does; return the documents by their names."""
    await file_letter(
        ways.desk, org_id=ways.api.org_id, source_id=source["id"], place="here", data=data
    )
    return await ways.documents(source["folder"]["id"])


async def bring(ways: Ways, folder_id: int, scanner: Clamd) -> None:
    """Import the directory."""
    email = (await ways.api.get("/me")).json()["user"]["email"]
    environment = environment_of(ways.settings, DMS_CLAMD_SOCKET=str(scanner.socket))
    ended = dms(environment, "import", ways.directory, "--into", str(folder_id), "--as", email)
    assert ended.returncode == 0, ended.stderr


async def test_a_file_of_a_directory_says_which(ways: Ways) -> None:
    source = await ways.folder_source()
    await ways.rules({"name": "Renamed", "then": {"name": "Scan {name}"}})
    (ways.directory / "scan0001.txt").write_bytes(b"Words")
    await ways.look(source)
    [document] = (await ways.documents(source["folder"]["id"])).values()
    [item] = await ways.items(document_id=document["id"])
    assert document["name"] == "Scan scan0001.txt"
    assert await origin(ways.api, document) == {
        "kind": "folder",
        "source": "Scanner",
        "name": "scan0001.txt",
        "sender": None,
        "subject": None,
        "at": item["at"],
    }


@pytest.mark.parametrize(
    "way",
    [
        {"kind": "mailbox", "host": "mail.example.org", "user": "scans", "password": "secret"},
        {"kind": "smtp", "address": "invoices.of.origins@in.example.org"},
    ],
    ids=["mailbox", "smtp"],
)
async def test_a_part_of_a_letter_says_which_letter(ways: Ways, way: dict[str, Any]) -> None:
    source = await ways.source(way, name="Invoices", keeps="both")
    await file(ways, source, letter(message_id="<9@example.org>", subject="Another").as_bytes())
    filed = await file(ways, source, with_pdf().as_bytes())
    for name in ("Your invoice.eml", "invoice.pdf"):
        found = await origin(ways.api, filed[name])
        [item] = await ways.items(document_id=filed[name]["id"])
        assert found == {
            "kind": way["kind"],
            "source": "Invoices",
            "name": name,
            "sender": "billing@example.org",
            "subject": "Your invoice",
            "at": item["at"],
        }


async def test_an_imported_file_says_its_path_and_administrators_are_told_the_directory(
    ways: Ways, member: Api, scanner: Clamd
) -> None:
    folder_id = await ways.cabinet()
    await ways.api.share(folder_id, member, role="reader")
    (ways.directory / "2026").mkdir()
    file = ways.directory / "2026" / "lease.txt"
    file.write_bytes(b"The first text")
    await bring(ways, folder_id, scanner)
    file.write_bytes(b"Another text")
    await bring(ways, folder_id, scanner)
    children = (await ways.api.get(f"/folders/{folder_id}/children")).json()
    [document] = (await ways.documents(children["folders"][0]["id"])).values()
    versions = (await ways.api.get(f"/documents/{document['id']}/versions")).json()
    assert len(versions) == 2
    told = await origin(ways.api, document)
    assert told == {
        "kind": "import",
        "source": str(ways.directory),
        "name": "2026/lease.txt",
        "sender": None,
        "subject": None,
        "at": told["at"],
    }
    # The last time that it was brought.
    assert min(one["created_at"] for one in versions) < told["at"]
    assert await origin(member, document) == {**told, "source": None}


async def test_what_was_uploaded_came_by_no_way(ways: Ways) -> None:
    document = await ways.api.document(await ways.cabinet(), "by hand.txt")
    assert await origin(ways.api, document) is None


async def test_a_document_outlives_what_is_known_of_its_way(ways: Ways) -> None:
    source = await letters(ways)
    [document] = (await file(ways, source, letter().as_bytes())).values()
    assert await origin(ways.api, document) is not None
    assert (await ways.api.delete(f"/intake/sources/{source['id']}")).status_code == 204
    assert await origin(ways.api, document) is None


async def test_readers_are_told_and_nobody_else(ways: Ways, member: Api, stranger: Api) -> None:
    source = await letters(ways)
    filed = await file(ways, source, with_pdf().as_bytes())
    shared, hidden = filed["invoice.pdf"], filed["Your invoice.eml"]
    for outsider, document in ((member, shared), (stranger, shared), (member, hidden)):
        answer = await outsider.get(f"/documents/{document['id']}/origin")
        nothing = await outsider.get(f"/documents/{NOT_THERE}/origin")
        assert (answer.status_code, nothing.status_code) == (404, 404)
        told, of_nothing = answer.json()["detail"], nothing.json()["detail"]
        assert told.replace(str(document["id"]), str(NOT_THERE)) == of_nothing
    await ways.api.grant(f"documents/{shared['id']}", f"user:{member.user_id}", role="reader")
    assert await origin(member, shared) == await origin(ways.api, shared)
    assert (await member.get(f"/documents/{hidden['id']}/origin")).status_code == 404
    assert (await ways.api.delete(f"/documents/{shared['id']}")).is_success
    assert (await member.get(f"/documents/{shared['id']}/origin")).status_code == 404


async def test_the_journal_is_looked_up_by_document(ways: Ways, stranger: Api) -> None:
    source = await letters(ways)
    filed = await file(ways, source, with_pdf().as_bytes())
    document_id = filed["invoice.pdf"]["id"]
    [item] = await ways.items(document_id=document_id)
    assert (item["name"], item["document"]["id"]) == ("invoice.pdf", document_id)
    assert await ways.items(document_id=document_id, state="refused") == []
    answer = await stranger.get("/intake/items", params={"document_id": document_id})
    assert answer.json()["items"] == []


async def test_statements_do_not_grow_with_what_came_in(ways: Ways) -> None:
    source = await letters(ways)
    [document] = (await file(ways, source, letter().as_bytes())).values()
    await origin(ways.api, document)
    with counted_queries() as one:
        await origin(ways.api, document)
    for number in range(5):
        sent = letter(message_id=f"<{number}@example.org>", subject=f"Letter {number}")
        await file(ways, source, sent.as_bytes())
    with counted_queries() as many:
        await origin(ways.api, document)
    assert len(many) == len(one)
