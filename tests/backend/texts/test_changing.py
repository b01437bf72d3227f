"""Corrections by people, restored layers, and what recognition may not overwrite."""

from typing import Any

from tests.backend.texts.conftest import upload_pdf
from tests.support.api import Api
from worker.runtime import Runtime
from worker.tasks import indexing


async def text_of(api: Api, document: dict[str, Any]) -> dict[str, Any]:
    answer = await api.get(f"/documents/{document['id']}/text")
    assert answer.status_code == 200, answer.text
    assert answer.headers["ETag"] == answer.json()["etag"]
    found: dict[str, Any] = answer.json()
    return found


async def correct(
    api: Api, document: dict[str, Any], etag: str, pages: dict[int, str], comment: str | None = None
) -> Any:
    body = {
        "pages": [{"number": number, "text": text} for number, text in pages.items()],
        "comment": comment,
    }
    return await api.put(f"/documents/{document['id']}/text", json=body, headers={"If-Match": etag})


async def found(api: Api, q: str) -> list[int]:
    items = (await api.get("/search", params={"q": q})).json()["items"]
    return [item["document"]["id"] for item in items]


async def test_a_correction_is_searched_at_once_and_stands_where_the_word_stood(
    admin: Api, runtime: Runtime
) -> None:
    document = await upload_pdf(runtime, admin, ["The lcase ends"], ["Second page"])
    before = await text_of(admin, document)
    assert (before["etag"], before["layer"]) == ('"1.1"', 1)
    words = (await admin.get(f"/documents/{document['id']}/pages/1/words")).json()["words"]
    answer = await correct(admin, document, before["etag"], {1: "The lease ends\r\n"}, "Misread")
    assert answer.status_code == 200, answer.text
    after = answer.json()
    assert after["text"] == "The lease ends\nSecond page"
    assert [(page["source"], page["layer"]) for page in after["pages"]] == [
        ("person", 2),
        ("file", 1),
    ]
    assert await found(admin, "lease") == [document["id"]]
    assert await found(admin, "lcase") == []
    corrected = (
        await admin.get(f"/documents/{document['id']}/pages/1/words", params={"q": "lease"})
    ).json()
    assert corrected["hits"] == [[1]]
    assert corrected["words"][1]["box"] == words[1]["box"]


async def test_layers_are_listed_and_can_be_looked_at(admin: Api, runtime: Runtime) -> None:
    document = await upload_pdf(runtime, admin, ["one"], ["two"])
    await correct(admin, document, '"1.1"', {2: "TWO"}, "Louder")
    newest, first = (await admin.get(f"/documents/{document['id']}/text/layers")).json()
    assert (newest["number"], newest["kind"], newest["comment"]) == (2, "correction", "Louder")
    assert (newest["created_by"]["id"], newest["pages"]) == (admin.user_id, [2])
    assert (first["kind"], first["engines"], first["pages"]) == ("reading", ["pdfium"], [1, 2])
    assert first["created_by"] is None
    past = await admin.get(f"/documents/{document['id']}/text", params={"layer": 1})
    assert past.json()["text"] == "one\ntwo"
    missing = await admin.get(f"/documents/{document['id']}/text", params={"layer": 3})
    assert (missing.status_code, missing.json()["code"]) == (404, "layer_not_found")


async def test_a_correction_of_something_older_is_refused(admin: Api, runtime: Runtime) -> None:
    document = await upload_pdf(runtime, admin, ["one"])
    assert (await correct(admin, document, '"1.1"', {1: "first"})).status_code == 200
    answer = await correct(admin, document, '"1.1"', {1: "second"})
    assert (answer.status_code, answer.json()["code"], answer.json()["etag"]) == (
        412,
        "stale",
        '"1.2"',
    )
    assert (await text_of(admin, document))["text"] == "first"
    without = await admin.put(
        f"/documents/{document['id']}/text", json={"pages": [{"number": 1, "text": "third"}]}
    )
    assert without.status_code == 422


async def test_what_says_the_same_is_no_correction(admin: Api, runtime: Runtime) -> None:
    document = await upload_pdf(runtime, admin, ["one"])
    answer = await correct(admin, document, '"1.1"', {1: "one"})
    assert answer.json()["layer"] == 1
    answer = await correct(admin, document, '"1.1"', {2: "two"})
    assert (answer.status_code, answer.json()["code"]) == (404, "page_not_found")


async def test_a_correction_holds_what_the_database_can_keep(admin: Api, runtime: Runtime) -> None:
    document = await upload_pdf(runtime, admin, ["one"])
    answer = await correct(admin, document, '"1.1"', {1: "a\x00b\u0007 \U0001f600 e\u0301"})
    assert answer.json()["text"] == "ab \U0001f600 \u00e9"


async def test_an_earlier_layer_is_restored_and_nothing_is_lost(
    admin: Api, runtime: Runtime
) -> None:
    document = await upload_pdf(runtime, admin, ["one"], ["two"])
    await correct(admin, document, '"1.1"', {1: "wrong"})
    await correct(admin, document, '"1.2"', {2: "wrong too"})
    path = f"/documents/{document['id']}/text/layers"
    stale = await admin.post(f"{path}/1/restore", headers={"If-Match": '"1.1"'})
    assert stale.status_code == 412
    answer = await admin.post(f"{path}/1/restore", headers={"If-Match": '"1.3"'})
    assert answer.json()["text"] == "one\ntwo"
    assert await found(admin, "wrong") == []
    newest = (await admin.get(path)).json()[0]
    assert (newest["kind"], newest["restored_from"], newest["pages"]) == ("restoration", 1, [1, 2])
    answer = await admin.post(f"{path}/3/restore", headers={"If-Match": '"1.4"'})
    assert answer.json()["text"] == "wrong\nwrong too"
    answer = await admin.post(f"{path}/9/restore", headers={"If-Match": '"1.5"'})
    assert (answer.status_code, answer.json()["code"]) == (404, "layer_not_found")


async def test_reading_once_more_leaves_corrections_alone(admin: Api, runtime: Runtime) -> None:
    document = await upload_pdf(runtime, admin, ["one"], ["two"])
    await correct(admin, document, '"1.1"', {1: "corrected"})
    await admin.post(f"/documents/{document['id']}/reindex")
    await indexing._index(runtime, admin.org_id, document["current_version"]["id"], ocr=False)
    after = await text_of(admin, document)
    assert (after["text"], after["layer"]) == ("corrected\ntwo", 2)
    assert await found(admin, "corrected") == [document["id"]]


async def test_only_who_may_change_a_document_corrects_it(
    admin: Api, member: Api, runtime: Runtime
) -> None:
    document = await upload_pdf(runtime, admin, ["one"])
    assert (await correct(member, document, '"1.1"', {1: "x"})).status_code == 404
    await admin.grant(f"documents/{document['id']}", f"user:{member.user_id}", role="reader")
    assert (await text_of(member, document))["text"] == "one"
    for answer in (
        await correct(member, document, '"1.1"', {1: "x"}),
        await member.post(
            f"/documents/{document['id']}/text/layers/1/restore", headers={"If-Match": '"1.1"'}
        ),
        await member.post(f"/documents/{document['id']}/ocr", json={}),
    ):
        assert answer.status_code == 403, answer.text


async def test_what_was_done_is_recorded(admin: Api, runtime: Runtime) -> None:
    document = await upload_pdf(runtime, admin, ["one"])
    await correct(admin, document, '"1.1"', {1: "two"})
    await admin.post(
        f"/documents/{document['id']}/text/layers/1/restore", headers={"If-Match": '"1.2"'}
    )
    events = (await admin.get(f"/documents/{document['id']}/history")).json()["items"]
    recorded = {event["action"]: event["data"] for event in events}
    assert recorded["document.text_corrected"] == {"version": 1, "layer": 2, "pages": [1]}
    assert recorded["document.text_restored"]["restored_from"] == 1


async def test_the_languages_of_an_organisation(admin: Api, member: Api) -> None:
    assert (await member.get("/text-settings")).json()["languages"] == []
    refused = await member.put("/text-settings", json={"languages": ["de"]})
    assert refused.status_code == 403
    answer = await admin.put("/text-settings", json={"languages": ["ru", "de", "ru"]})
    assert answer.json()["languages"] == ["ru", "de"]
    assert (await member.get("/text-settings")).json()["languages"] == ["ru", "de"]
    unknown = await admin.put("/text-settings", json={"languages": ["xx"]})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_language")
