"""Words with their boxes, and which of them a search finds."""

from typing import Any

import pytest

from tests.backend.texts.conftest import upload_pdf
from tests.support.api import Api
from tests.worker.extraction import samples
from tests.worker.extraction.embedded_samples import INVOICE, office_with, pdf_with
from worker.runtime import Runtime
from worker.tasks import indexing, previews


async def hits(api: Api, document: dict[str, Any], q: str, page: int = 1) -> list[list[str]]:
    answer = await api.get(f"/documents/{document['id']}/pages/{page}/words", params={"q": q})
    assert answer.status_code == 200, answer.text
    words = answer.json()["words"]
    return [[words[place]["text"] for place in hit] for hit in answer.json()["hits"]]


async def test_the_pages_and_their_words(admin: Api, runtime: Runtime) -> None:
    document = await upload_pdf(runtime, admin, ["The lease ends", "in March."], ["Second page"])
    listed = (await admin.get(f"/documents/{document['id']}/pages")).json()
    assert (listed["version"], listed["layer"], listed["waiting"], listed["failed"]) == (1, 1, 0, 0)
    first, second = listed["pages"]
    assert (first["number"], first["status"], first["source"]) == (1, "read", "file")
    assert (round(first["width"]), round(first["height"])) == (595, 842)
    assert (first["hits"], second["number"]) == (None, 2)
    words = (await admin.get(f"/documents/{document['id']}/pages/1/words")).json()
    assert [word["text"] for word in words["words"]] == ["The", "lease", "ends", "in", "March."]
    left, top, right, bottom = words["words"][0]["box"]
    assert 0.1 < left < right < 0.2
    assert 0.05 < top < bottom < 0.15
    assert words["hits"] == []


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("lease", [["leases"], ["lease"]]),
        ("LEASES -draft", [["leases"], ["lease"]]),
        ('"ends in march"', [["ends", "in", "March."]]),
        ('"march ends"', []),
        ("AB-1234", [["AB-1234/56"]]),
        ('"1234 56 applies"', [["AB-1234/56", "applies"]]),
        ("cafe", [["Café."]]),
        ("appl*", [["applies"]]),
        ("nothing or ends", [["ends"]]),
        ("type:pdf ends", [["ends"]]),
        ("the", [["The"], ["the"]]),
        ("", []),
        ("...", []),
    ],
)
async def test_what_a_search_finds(
    admin: Api, runtime: Runtime, q: str, expected: list[list[str]]
) -> None:
    lines = [
        "The leases of this house are long.",
        "One lease ends in March.",
        "AB-1234/56 applies to the Café.",
    ]
    document = await upload_pdf(runtime, admin, lines)
    assert await hits(admin, document, q) == expected
    if expected:
        found = (await admin.get("/search", params={"q": q})).json()["items"]
        assert [item["document"]["id"] for item in found] == [document["id"]]


async def test_hits_are_counted_per_page(admin: Api, runtime: Runtime) -> None:
    document = await upload_pdf(runtime, admin, ["lease and lease"], ["nothing"], ["a lease"])
    answer = await admin.get(f"/documents/{document['id']}/pages", params={"q": "lease"})
    assert [page["hits"] for page in answer.json()["pages"]] == [2, 0, 1]


async def test_a_page_that_is_not_there(admin: Api, runtime: Runtime) -> None:
    document = await upload_pdf(runtime, admin, ["one"])
    answer = await admin.get(f"/documents/{document['id']}/pages/2/words")
    assert (answer.status_code, answer.json()["code"]) == (404, "page_not_found")
    answer = await admin.get(f"/documents/{document['id']}/pages/1/words", params={"version": 2})
    assert answer.status_code == 404
    answer = await admin.get(f"/documents/{document['id']}/pages/1/words", params={"q": "type:x"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_query")


async def test_looking_at_words_is_recorded(admin: Api, runtime: Runtime) -> None:
    document = await upload_pdf(runtime, admin, ["one"])
    await admin.get(f"/documents/{document['id']}/pages/1/words")
    await admin.get(f"/documents/{document['id']}/text")
    of = {"object": f"document:{document['id']}"}
    events = (await admin.get("/audit/events", params=of)).json()["items"]
    assert [event["action"] for event in events].count("document.text_viewed") == 1


async def test_a_page_without_words_has_none(admin: Api, runtime: Runtime) -> None:
    document = await upload_pdf(runtime, admin, ["Something"], [])
    answer = await admin.get(f"/documents/{document['id']}/pages/2/words")
    assert (answer.status_code, answer.json()["words"]) == (200, []), answer.text


async def beyond(api: Api, document: dict[str, Any], q: str) -> Any:
    path = f"/documents/{document['id']}/pages"
    answer = await api.get(path, params={"q": q, "shown": "true"})
    assert answer.status_code == 200, answer.text
    return answer.json()["beyond"]


async def test_what_is_on_no_page_is_found_in_a_file_inside(admin: Api, runtime: Runtime) -> None:
    data = pdf_with(
        ("notes.txt", b"a wombat"), ("invoice.xml", INVOICE), ("more.txt", b"two\nwombats")
    )
    document = await admin.document(await admin.folder("Cabinet"), "a.pdf", data)
    await indexing._index(runtime, admin.org_id, document["current_version"]["id"], ocr=False)
    assert await beyond(admin, document, "Förderband") == {"hits": 1, "files": ["invoice.xml"]}
    assert await beyond(admin, document, "wombat") == {
        "hits": 2,
        "files": ["notes.txt", "more.txt"],
    }
    assert await beyond(admin, document, "nowhere") is None
    on_a_page = samples.CONTRACT[0].split()[0]
    assert await beyond(admin, document, on_a_page) is None


async def test_what_is_in_a_file_inside_an_office_document_is_on_no_page_of_it(
    admin: Api, runtime: Runtime
) -> None:
    data = office_with(samples.word_document(), "word/embeddings", ("notes.txt", b"a wombat"))
    document = await admin.document(await admin.folder("Cabinet"), "a.docx", data)
    version_id = document["current_version"]["id"]
    await indexing._index(runtime, admin.org_id, version_id, ocr=False)
    # As long as nobody knows what is on its pages, nothing is said of what is not.
    assert await beyond(admin, document, "wombat") is None
    await previews._prepare(runtime, admin.org_id, version_id)
    await previews._read_words(runtime, admin.org_id, version_id)
    assert await beyond(admin, document, "wombat") == {"hits": 1, "files": ["notes.txt"]}
