import pytest

from tests.worker.extraction import samples
from tests.worker.extraction.conftest import Reader


def rtf(body: str, head: str = r"\ansi\ansicpg1252\deff0{\fonttbl{\f0\fswiss Arial;}}") -> bytes:
    return f"{{\\rtf1{head}\n{body}}}".encode("latin-1")


def test_paragraphs_tables_and_special_characters(read: Reader) -> None:
    result = read(
        rtf(
            r"\pard{\b Forty} machines\line within\tab 30\~days\par "
            r"\trowd\cellx1\cellx2\intbl Item\cell Price\cell\row \ldblquote Fine\rdblquote\emdash done\{1\}\par"
        ),
        "offer.rtf",
    )

    assert (result.status, result.media_type) == ("indexed", "application/rtf")
    assert result.text == "Forty machines\nwithin\t30 days\nItem\tPrice\n“Fine”—done{1}"


def test_characters_of_code_pages_fonts_and_unicode(read: Reader) -> None:
    fonts = r"{\fonttbl{\f0 Arial;}{\f1\fcharset204 Arial;}{\f2\fcharset128 MS Mincho;}}"
    body = (
        r"Gr\'fc\'dfe {\f1 \'cf\'f0\'e8\'e2\'e5\'f2} {\f2 \'8a\'bf\'8e\'9a} "
        r"\u8364? {\uc2\u1055\'cf\'cf\u1088??} \u55357?\u56832?"
    )

    assert (
        read(rtf(body, r"\ansi\ansicpg1252" + fonts), "a.rtf").text == "Grüße Привет 漢字 € Пр 😀"
    )
    assert read(rtf(r"\'cf\'f0", r"\ansi\ansicpg1251"), "a.rtf").text == "Пр"


def test_what_no_reader_sees_is_left_out(read: Reader) -> None:
    body = (
        r"{\stylesheet{\s1 Heading;}}{\*\unknown hidden}{\v not shown}{\deleted gone}"
        r'seen {\field{\*\fldinst HYPERLINK "http://x"}{\fldrslt link}}{\*\shpinst{\sp{\sn a}{\sv 1}}{\shptxt boxed}}'
    )

    assert read(rtf(body), "a.rtf").text == "seen linkboxed"


def test_information_is_metadata_and_no_text(read: Reader) -> None:
    info = (
        r"{\info{\title Lieferung M\'e4rz}{\author Ada; Bob}{\keywords lathe, drill}{\*\company Example Ltd}"
        r"{\creatim\yr2026\mo3\dy2\hr9\min5}{\nofpages4}}"
        r"{\*\generator Riched20 10.0;}{\*\userprops{\propname Matter}\proptype30{\staticval A-17}}"
    )
    result = read(rtf(info + "body"), "a.rtf")

    assert result.text == "body"
    assert result.metadata.title == "Lieferung März"
    assert result.metadata.creators == ("Ada", "Bob")
    assert result.metadata.keywords == ("lathe", "drill")
    assert result.metadata.software == "Riched20 10.0"
    assert result.metadata.created == "2026-03-02T09:05:00"
    assert result.metadata.extra == {"company": "Example Ltd", "pages": 4, "custom:Matter": "A-17"}


@pytest.mark.parametrize("form", ["hex", "bin"])
def test_a_picture_waits_for_ocr(read: Reader, form: str) -> None:
    data = samples.png(samples.scan())
    picture = {
        "hex": b"{\\pict\\pngblip\\picw1 " + data.hex("\n", 64).encode() + b"}",
        "bin": b"{\\pict\\pngblip\\bin%d " % len(data) + data + b"}",
    }[form]
    result = read(b"{\\rtf1 before " + picture + b" after}", "a.rtf")

    assert (result.status, result.text) == ("needs_ocr", "before\nafter")


@pytest.mark.parametrize(
    "data",
    [
        b"{\\rtf1" + b"{" * 100_000,
        b"{\\rtf1 text" + b"}" * 100_000,
        b"{\\rtf1 text\\",
        b"{\\rtf1 text\\'",
        b"{\\rtf1 text\\bin999999999 x",
        b"{\\rtf1{\\pict\\pngblip 89504e47}text\\u-99999999 ",
        b"{\\rtf1{\\fonttbl{\\f0\\fcharset9999999 x}}\\f123456789 text",
    ],
    ids=["deep", "closing", "backslash", "half a byte", "bin", "numbers", "fonts"],
)
def test_hostile_documents_end_in_a_state(read: Reader, data: bytes) -> None:
    result = read(data, "a.rtf")

    assert result.status in {"indexed", "damaged"}
    assert result.status == "damaged" or "text" in result.text


def test_ten_megabytes_of_picture_take_no_time_by_character(read_bounded: Reader) -> None:
    data = b"{\\rtf1 text{\\pict\\wmetafile8 " + b"00ff\n" * 2_000_000 + b"}}"

    assert read_bounded(data, "a.rtf", cpu_seconds=2).text == "text"
