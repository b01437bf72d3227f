"""Listing, changing, trashing and downloading documents."""

import secrets
from itertools import pairwise

import pytest

from backend.core.db import Database
from tests.support.api import Api
from tests.support.queries import counted_queries

FRAME = 512 * 1024


async def test_a_document_tells_what_it_is(admin: Api) -> None:
    cabinet = await admin.folder("Legal")
    folder = await admin.folder("Leases", cabinet)
    created = await admin.document(folder, "Lease.txt", b"a lease")
    shown = (await admin.get(f"/documents/{created['id']}")).json()
    assert {**shown, "same_content": []} == created
    assert [step["name"] for step in shown["ancestors"]] == ["Legal", "Leases"]
    assert shown["media_type"] == "text/plain"
    assert shown["status"] == "active"
    assert shown["owner"]["id"] == admin.user_id
    assert shown["current_version"]["index_status"] == "pending"


async def test_changes_replace_what_they_name(admin: Api) -> None:
    cabinet = await admin.folder("Legal")
    document = await admin.document(cabinet, "Lease.txt")
    path = f"/documents/{document['id']}"
    body = {"tags": ["a", "b", "a"], "properties": {"pages": 3, "signed": True, "by": None}}
    changed = (await admin.patch(path, body)).json()
    assert (changed["tags"], changed["properties"]) == (["a", "b"], body["properties"])
    changed = (await admin.patch(path, {"name": "Rent.txt"})).json()
    assert (changed["name"], changed["tags"]) == ("Rent.txt", ["a", "b"])
    for bad in ({"tags": [""]}, {"name": "a/b"}, {"properties": {"x": [1]}}, {"unknown": 1}):
        assert (await admin.patch(path, bad)).status_code == 422


async def test_a_document_moves_and_takes_no_taken_name(admin: Api) -> None:
    one, two = await admin.folder("One"), await admin.folder("Two")
    document = await admin.document(one, "a.txt")
    await admin.document(two, "A.TXT")
    answer = await admin.patch(f"/documents/{document['id']}", {"folder_id": two})
    assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")
    answer = await admin.patch(f"/documents/{document['id']}", {"folder_id": two, "name": "b.txt"})
    assert (answer.status_code, answer.json()["folder_id"]) == (200, two)
    assert [step["name"] for step in answer.json()["ancestors"]] == ["Two"]


async def test_a_document_is_not_moved_where_one_may_not_add(admin: Api, member: Api) -> None:
    one, two, hidden = [await admin.folder(name) for name in ("One", "Two", "Hidden")]
    await admin.share(one, member, "editor")
    await admin.share(two, member, "reader")
    document = await admin.document(one, "a.txt")
    path = f"/documents/{document['id']}"
    assert (await member.patch(path, {"folder_id": two})).status_code == 403
    assert (await member.patch(path, {"folder_id": hidden})).status_code == 404


async def test_a_stale_change_is_refused(admin: Api) -> None:
    cabinet = await admin.folder("Legal")
    document = await admin.document(cabinet, "a.txt")
    path, headers = f"/documents/{document['id']}", {"If-Match": document["etag"]}
    assert (await admin.patch(path, {"name": "b.txt"}, headers=headers)).status_code == 200
    answer = await admin.patch(path, {"name": "c.txt"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (412, "stale")
    assert (await admin.get(path)).json()["name"] == "b.txt"


async def test_the_trash_and_back(admin: Api) -> None:
    cabinet = await admin.folder("Legal")
    document = await admin.document(cabinet, "a.txt")
    path = f"/documents/{document['id']}"
    assert (await admin.delete(path)).status_code == 204
    assert (await admin.get(path)).status_code == 404
    assert (await admin.get(f"{path}/content")).status_code == 404
    [item] = (await admin.get("/trash")).json()["items"]
    assert (item["type"], item["id"], item["deleted_by"]["id"]) == (
        "document",
        document["id"],
        admin.user_id,
    )
    again = await admin.document(cabinet, "a.txt", b"again")
    refused = await admin.post(f"{path}/restore")
    assert (refused.status_code, refused.json()["document_id"]) == (409, again["id"])
    restored = await admin.post(f"{path}/restore", params={"on_conflict": "rename"})
    assert (restored.status_code, restored.json()["name"]) == (200, "a (1).txt")
    assert (await admin.get("/trash")).json()["items"] == []


async def test_purging_is_for_administrators_and_for_the_trash(admin: Api, member: Api) -> None:
    cabinet = await admin.folder("Legal")
    await admin.share(cabinet, member)
    document = await admin.document(cabinet, "a.txt")
    purge = f"/trash/documents/{document['id']}"
    assert (await admin.delete(purge)).status_code == 404
    await member.delete(f"/documents/{document['id']}")
    assert (await member.delete(purge)).status_code == 403
    assert (await admin.delete(purge)).status_code == 204
    assert (await admin.post(f"/documents/{document['id']}/restore")).status_code == 404


async def test_the_trash_shows_nobody_what_they_could_not_see(
    admin: Api, member: Api, stranger: Api
) -> None:
    hidden = await admin.folder("Hidden")
    document = await admin.document(hidden, "secret.txt")
    await admin.delete(f"/documents/{document['id']}")
    for outsider in (member, stranger):
        assert (await outsider.get("/trash")).json()["items"] == []
        assert (await outsider.post(f"/documents/{document['id']}/restore")).status_code == 404


@pytest.mark.parametrize(
    ("sort", "order", "expected"),
    [
        ("name", "asc", ["a", "B", "ç", "D"]),
        ("name", "desc", ["D", "ç", "B", "a"]),
        ("size", "asc", ["D", "B", "a", "ç"]),
        ("size", "desc", ["ç", "a", "B", "D"]),
        ("created_at", "asc", ["D", "a", "ç", "B"]),
        ("updated_at", "desc", ["B", "ç", "a", "D"]),
    ],
)
async def test_a_folder_is_listed_in_order_page_by_page(
    admin: Api, sort: str, order: str, expected: list[str]
) -> None:
    cabinet = await admin.folder("Legal")
    folders = [await admin.folder(name, cabinet) for name in ("y", "X", "z")]
    for name, size in (("D", 1), ("a", 30), ("ç", 31), ("B", 2)):
        await admin.document(cabinet, name, b"x" * size)
    names: list[str] = []
    cursor: str | None = None
    pages = 0
    while True:
        params = {
            "sort": sort,
            "order": order,
            "limit": 2,
            **({"cursor": cursor} if cursor else {}),
        }
        page = (await admin.get(f"/folders/{cabinet}/children", params=params)).json()
        names += [item["name"] for item in page["folders"] + page["documents"]]
        pages += 1
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert names == ["X", "y", "z", *expected]
    assert pages == 4
    assert len(folders) == 3


async def test_a_listing_costs_the_same_few_queries_however_long(
    admin: Api, database: Database
) -> None:
    cabinet = await admin.folder("Legal")
    counts = []
    for round_ in range(2):
        for number in range(1 + 10 * round_):
            await admin.document(cabinet, f"{round_}-{number}.txt", b"%d" % number)
            await admin.folder(f"{round_}-{number}", cabinet)
        with counted_queries() as queries:
            assert (await admin.get(f"/folders/{cabinet}/children")).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert counts[0] <= 14


async def test_recent_documents_are_those_one_sees(admin: Api, member: Api) -> None:
    shared, hidden = await admin.folder("Shared"), await admin.folder("Hidden")
    await admin.share(shared, member)
    for number in range(3):
        await admin.document(shared, f"{number}.txt")
        await admin.document(hidden, f"{number}.txt")
    first = (await member.get("/documents/recent", params={"limit": 2})).json()
    second = (
        await member.get("/documents/recent", params={"limit": 2, "cursor": first["next_cursor"]})
    ).json()
    assert [item["name"] for item in first["items"] + second["items"]] == [
        "2.txt",
        "1.txt",
        "0.txt",
    ]
    assert second["next_cursor"] is None


async def test_ranges(admin: Api) -> None:
    content = secrets.token_bytes(2 * FRAME + 1_000)
    cabinet = await admin.folder("Legal")
    document = await admin.document(cabinet, "data.bin", content)
    path = f"/documents/{document['id']}/content"
    size = len(content)
    cases = [
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, size),
        ("bytes=-1", size - 1, size),
        (f"bytes={FRAME - 1}-{FRAME}", FRAME - 1, FRAME + 1),
        (f"bytes={2 * FRAME + 999}-{size * 2}", 2 * FRAME + 999, size),
        (f"bytes=-{size * 2}", 0, size),
    ]
    for header, start, end in cases:
        answer = await admin.get(path, headers={"Range": header})
        assert answer.status_code == 206, header
        assert answer.content == content[start:end], header
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
    for header in (f"bytes={size}-", "bytes=-0"):
        answer = await admin.get(path, headers={"Range": header})
        assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{size}")
    for header in ("bytes=5-1", "bytes=a-b", "lines=1-2", "bytes=0-1,4-5", "bytes=-"):
        assert (await admin.get(path, headers={"Range": header})).status_code == 200, header


async def test_every_range_joins_to_the_whole(admin: Api) -> None:
    content = secrets.token_bytes(FRAME + 777)
    cabinet = await admin.folder("Legal")
    document = await admin.document(cabinet, "data.bin", content)
    edges = [0, 1, 100_000, FRAME - 1, FRAME, FRAME + 1, len(content)]
    parts = [
        (
            await admin.get(
                f"/documents/{document['id']}/content", headers={"Range": f"bytes={a}-{b - 1}"}
            )
        ).content
        for a, b in pairwise(edges)
    ]
    assert b"".join(parts) == content


async def test_conditional_requests(admin: Api) -> None:
    cabinet = await admin.folder("Legal")
    document = await admin.document(cabinet, "a.txt", b"0123456789")
    path = f"/documents/{document['id']}/content"
    etag = (await admin.request("HEAD", path)).headers["etag"]
    for known in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        answer = await admin.get(path, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content) == (304, b"")
    fresh = await admin.get(path, headers={"Range": "bytes=0-3", "If-Range": etag})
    assert (fresh.status_code, fresh.content) == (206, b"0123")
    changed = await admin.get(path, headers={"Range": "bytes=0-3", "If-Range": '"other"'})
    assert (changed.status_code, changed.content) == (200, b"0123456789")


async def test_head_sends_the_headers_alone(admin: Api) -> None:
    cabinet = await admin.folder("Legal")
    document = await admin.document(cabinet, "a.txt", b"0123456789")
    answer = await admin.request("HEAD", f"/documents/{document['id']}/content")
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (
        200,
        "10",
        b"",
    )


async def test_names_in_any_script_survive_a_download(admin: Api) -> None:
    cabinet = await admin.folder("Legal")
    document = await admin.document(cabinet, 'Ünï "世界" مرحبا 100%.txt')
    answer = await admin.get(f"/documents/{document['id']}/content")
    header = answer.headers["content-disposition"]
    assert header.startswith('attachment; filename="_n_ ')
    assert "filename*=UTF-8''%C3%9Cn%C3%AF%20%22%E4%B8%96%E7%95%8C%22" in header


async def test_content_never_runs_as_our_page(admin: Api) -> None:
    cabinet = await admin.folder("Legal")
    page = b"<!DOCTYPE html><script>alert(1)</script>"
    for name, content in (
        ("page.html", page),
        ("image.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
    ):
        document = await admin.document(cabinet, name, content)
        answer = await admin.get(
            f"/documents/{document['id']}/content", params={"disposition": "inline"}
        )
        assert answer.headers["content-disposition"].startswith("attachment")
        assert "sandbox" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    document = await admin.document(cabinet, "image.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 100)
    answer = await admin.get(
        f"/documents/{document['id']}/content", params={"disposition": "inline"}
    )
    assert answer.headers["content-disposition"].startswith("inline")


async def test_a_ticket_opens_one_document_for_a_browser(admin: Api, member: Api) -> None:
    cabinet = await admin.folder("Legal")
    document, other = (
        await admin.document(cabinet, "a.txt", b"a"),
        await admin.document(cabinet, "b.txt", b"b"),
    )
    ticket = (await admin.post(f"/documents/{document['id']}/content-ticket", json={})).json()
    bare = await admin.client.get(ticket["url"])
    assert (bare.status_code, bare.content) == (200, b"a")
    crossed = await admin.client.get(
        ticket["url"].replace(f"/{document['id']}/", f"/{other['id']}/")
    )
    assert (crossed.status_code, crossed.json()["code"]) == (401, "invalid_ticket")
    assert (await admin.client.get(ticket["url"][:-4] + "AAAA")).status_code == 401
    assert (
        await member.post(f"/documents/{document['id']}/content-ticket", json={})
    ).status_code == 404
    await admin.post("/auth/logout")
    await admin.delete(f"/documents/{document['id']}")
    assert (await admin.client.get(ticket["url"])).status_code in {401, 404}


async def test_an_outsider_finds_no_document(admin: Api, member: Api, stranger: Api) -> None:
    cabinet = await admin.folder("Legal")
    document = await admin.document(cabinet, "a.txt")
    path = f"/documents/{document['id']}"
    for outsider in (member, stranger):
        for method, suffix in (
            ("GET", ""),
            ("GET", "/content"),
            ("GET", "/versions"),
            ("GET", "/text"),
            ("DELETE", ""),
            ("POST", "/reindex"),
            ("POST", "/versions/1/restore"),
        ):
            assert (await outsider.request(method, path + suffix)).status_code == 404, (
                method,
                suffix,
            )
        assert (await outsider.patch(path, {"name": "mine"})).status_code == 404
        assert (await outsider.get(f"/folders/{cabinet}/children")).status_code == 404
        assert (await outsider.get("/documents/recent")).json()["items"] == []


async def test_nobody_gets_in_without_signing_in(admin: Api) -> None:
    cabinet = await admin.folder("Legal")
    document = await admin.document(cabinet, "a.txt")
    for path in (
        "/folders",
        f"/folders/{cabinet}",
        f"/documents/{document['id']}/content",
        "/trash",
        "/system",
    ):
        answer = await admin.client.get(f"/api/v1{path}")
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), path
