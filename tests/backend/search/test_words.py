"""Which words find which documents."""

import pytest

from backend.texts.service.reading import read_text
from tests.backend.search.conftest import Library

TEXTS = {
    "english": (
        "en",
        "The quarterly invoices were paid late; see contract AB-1234/56 of our supplier.",
    ),
    "german": ("de", "Die Übersicht der Rechnungen für Größe und Maß liegt „anbei“."),
    "french": ("fr", "Les résumés de l’été sont prêts."),
    "greek": ("el", "Η σύμβαση της εταιρείας υπογράφηκε στην ΟΔΟΣ Ερμού."),
    "russian": ("ru", "Договоры аренды подписаны, ёлка куплена."),
    "arabic": ("ar", "هذا مُستَنَد مهم عن العقود الجديدة في المؤسسة."),
    "japanese": ("ja", "契約書は東京で署名されました。"),
    "unknown": (None, "zzqy xk-42 efﬁcient cafe\u0301"),
}


@pytest.fixture
async def texts(library: Library) -> dict[int, str]:
    """Documents by id, with the name of their text."""
    cabinet = await library.cabinet()
    return {
        await library.document(cabinet, f"{title}.bin", text, language=language): title
        for title, (language, text) in TEXTS.items()
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("invoice", "english"),
        ("INVOICES paid", "english"),
        ("AB-1234", "english"),
        ("AB-1234/56", "english"),
        ("ab 56", "english"),
        ('"paid late"', "english"),
        ('"late paid"', ""),
        ("AB-56", ""),
        ("paid -supplier", ""),
        ("paid -missing", "english"),
        ("missing or paid", "english"),
        ("quart*", "english"),
        ("übersicht", "german"),
        ("ubersicht", "german"),
        ("Rechnung", "german"),
        ("groesse", "german"),
        ("größe", "german"),
        ("GRÖSSE", "german"),
        ("anbei", "german"),
        ("resume", "french"),
        ("résumé", "french"),
        ("été", "french"),
        ("ete", "french"),
        ("σύμβαση", "greek"),
        ("ΣΥΜΒΑΣΗ", "greek"),
        ("οδός", "greek"),
        ("οδοσ", "greek"),
        ("договор", "russian"),
        ("ДОГОВОРЫ", "russian"),
        ("елка", "russian"),
        ("مستند", "arabic"),
        ("مُسْتَنَد", "arabic"),
        ("عقود", "arabic"),
        ("契約", "japanese"),
        ("約契", ""),
        ("efficient", "unknown"),
        ("café", "unknown"),
        ("XK42", ""),
        ("xk-42", "unknown"),
        ("...", ""),
        ('""', ""),
    ],
)
async def test_words_find(
    library: Library, texts: dict[int, str], query: str, expected: str
) -> None:
    assert {texts[found] for found in await library.find(query)} == ({expected} - {""})


@pytest.mark.parametrize(
    "query",
    [
        "invoice",
        "2024",
        "03",
        "invoice_2024",
        "Invoice_2024-03.pdf",
        "march",
        "MarchReport",
        "invoce",
        "repotr 2024",
    ],
)
async def test_a_name_is_found_by_its_parts_and_in_spite_of_typing_errors(
    library: Library, query: str
) -> None:
    cabinet = await library.cabinet()
    wanted = await library.document(cabinet, "Invoice_2024-03.MarchReport12.pdf")
    await library.document(cabinet, "Something else entirely.txt")
    found = await library.search(query)
    assert [item.document.id for item in found.items] == [wanted]
    assert found.items[0].matched == "name"


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("Übersicht.pdf", "ubersciht"),
        ("Λογαριασμός.pdf", "λογαρισμος"),
        ("Договор.pdf", "догвор"),
        ("مستندات.pdf", "مستنات"),
    ],
)
async def test_typing_errors_in_any_script(library: Library, name: str, typed: str) -> None:
    document = await library.document(await library.cabinet(), name)
    assert await library.find(typed) == [document]


async def test_exclusions_and_phrases_hold_for_similar_names(library: Library) -> None:
    cabinet = await library.cabinet()
    draft = await library.document(cabinet, "Invoice draft.pdf")
    final = await library.document(cabinet, "Invoice final.pdf")
    assert set(await library.find("invoce")) == {draft, final}
    assert await library.find("invoce -draft") == [final]
    assert await library.find('invoce "draft"') == [draft]


async def test_exact_names_come_before_texts_and_those_before_similar_names(
    library: Library,
) -> None:
    cabinet = await library.cabinet()
    similar = await library.document(cabinet, "Leasing.pdf")
    text = await library.document(cabinet, "Other.pdf", "The lease of the house. " + "Words. " * 50)
    name = await library.document(cabinet, "Lease.pdf", "Something.")
    assert await library.find("lease") == [name, text, similar]


async def test_tags_and_properties_are_words_too(library: Library) -> None:
    document = await library.document(
        await library.cabinet(),
        tags=["Grundstück"],
        properties={"Partner": "Example Ltd", "number": 4711, "void": None},
    )
    for query in ("grundstuck", "example ltd", "4711"):
        assert await library.find(query) == [document]


@pytest.mark.parametrize(
    "name",
    [
        "'; DROP TABLE documents; --",
        "\\ \\' %s :name {x} & | ! <-> (",
        "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 👩‍👩‍👧 \u202e\u0007\u0301",
        "x" * 3_900,
        "é" * 900 + " " + "日本" * 400,
        " ",
        "-" * 255,
    ],
)
async def test_odd_names_and_tags_do_no_harm(library: Library, name: str) -> None:
    document = await library.document(
        await library.cabinet(), name, tags=[name], properties={"x": name}
    )
    assert document in await library.find(
        f'tag:"{name}"' if name.strip() and '"' not in name else ""
    )
    await library.search(name[:1_000])
    await library.search(f'"{name[:900]}" -{name[:50]}')


async def test_a_text_too_long_for_the_index_is_kept_and_searched_in_part(library: Library) -> None:
    words = [f"word{number:x}" for number in range(520_000)]
    text = " ".join(words)
    assert len(text) > 4_800_000
    document = await library.document(await library.cabinet(), "long.txt", text)
    assert await library.find("word10") == [document]
    assert await library.find(words[-1]) == []
    read = await read_text(library.session, library.administrator, document)
    assert read.truncated
    assert read.text == text


async def test_a_text_without_a_blank_is_no_word(library: Library) -> None:
    document = await library.document(
        await library.cabinet(), "blob.txt", "before " + "x" * 100_000 + " after"
    )
    assert await library.find("before after") == [document]


async def test_nul_and_lone_surrogates_in_a_text(library: Library) -> None:
    document = await library.document(await library.cabinet(), "odd.txt", "one\x00two \ud800 three")
    assert await library.find("two three") == [document]
