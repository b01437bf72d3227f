import pytest

from worker.extraction.text import clean, codec_of, decode, language_of

GERMAN = "Die Größe der Übergabe prüfen: Käufer und Verkäufer treffen sich in Köln.\n" * 3
RUSSIAN = "Договор подписан обеими сторонами и вступает в силу немедленно.\n" * 3
GREEK = "Η σύμβαση υπογράφηκε από τα δύο μέρη στην Αθήνα.\n" * 3
JAPANESE = "契約書は両当事者によって署名されました。支払いは三十日以内に行われます。\n" * 3
UKRAINIAN = "Договір підписано обома сторонами, їх представники присутні.\n"
CHINESE = "合同由双方签署，付款应在三十日内完成。审计报告已提交。\n"
TAIWANESE = "合約由雙方簽署，付款應於三十日內完成。\n"
KOREAN = "계약은 양 당사자가 서명했으며 삼십일 이내에 지불합니다.\n"
TURKISH = "Sözleşme taraflarca imzalandı, ödeme otuz gün içinde yapılacaktır.\n"
HEBREW = "החוזה נחתם על ידי שני הצדדים והתשלום בתוך שלושים יום.\n"
ARABIC = "تم توقيع العقد من قبل الطرفين والدفع خلال ثلاثين يوما.\n"
THAI = "สัญญาลงนามโดยทั้งสองฝ่าย\n"
TABLE = "Název;Město;Částka\nPříjem;Plzeň;1200\nVýdaj;Ústí;15\n" * 3
POLISH = "Umowa została podpisana przez obie strony, zażółć gęślą jaźń.\n" * 3


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        (GERMAN, "utf-8"),
        (GERMAN, "utf-8-sig"),
        (GERMAN, "utf-16"),
        (GERMAN, "utf-16-be"),
        (GERMAN, "utf-32"),
        (GERMAN, "cp1252"),
        ("Grüße", "cp1252"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (GREEK, "cp1253"),
        (JAPANESE, "cp932"),
        (JAPANESE, "euc_jp"),
        (JAPANESE, "iso2022_jp"),
        (POLISH, "cp1250"),
        ("A szerződést mindkét fél aláírta, a fizetés határideje őszig szól.", "cp1250"),
        ("Regningen skal betales på øen før årets udgang, når varen er modtaget.", "cp1252"),
        (TABLE, "cp1250"),
        (RUSSIAN, "iso8859_5"),
        (RUSSIAN, "cp866"),
        (UKRAINIAN, "cp1251"),
        (UKRAINIAN, "koi8_u"),
        (CHINESE, "gb18030"),
        (TAIWANESE, "big5"),
        (KOREAN, "cp949"),
        (TURKISH, "cp1254"),
        (TURKISH, "iso8859_9"),
        (HEBREW, "cp1255"),
        (ARABIC, "cp1256"),
        (ARABIC, "iso8859_6"),
        (THAI, "cp874"),
        (GERMAN, "cp850"),
        ("Le contrat a été signé à l'été, réglé dès réception.", "iso8859_15"),
        ("El señor Núñez firmó el año pasado en la Coruña.", "cp1252"),
        ("O preço não inclui a instalação nem a manutenção.", "cp1252"),
        ("Räkningen skall betalas inom trettio dagar från beställningen på ön.", "cp1252"),
        ("La città è più bella perché c'è il sole, però è così.", "cp1252"),
    ],
)
def test_the_encoding_is_found(text: str, codec: str) -> None:
    assert text == decode(text.encode(codec)).removeprefix("\ufeff")


def test_a_declaration_counts_where_it_fits() -> None:
    assert decode(GREEK.encode("cp1253"), "iso-8859-7") == GREEK
    assert decode(GERMAN.encode(), "iso-8859-1") == GERMAN  # valid UTF-8, whatever it says
    assert codec_of("naïve café".encode("cp1252"), "latin1") == "cp1252"
    assert codec_of("café".encode("cp1252"), "no-such-codec") == "cp1252"


@pytest.mark.parametrize("codec", ["hex", "rot13", "zlib", "idna", "unicode_escape", "utf-7"])
def test_a_declaration_cannot_choose_a_codec_that_is_no_encoding(codec: str) -> None:
    assert codec not in codec_of("Gr\xfc\xdfe".encode("cp1252"), codec)


def test_clean_text_is_fit_for_an_index() -> None:
    assert clean("a\0b\x07c\ud800") == "abc"
    assert clean("of\ufb01ce  \t x\r\n\r\n\r\n  y \u00a0 z") == "office\tx\n\ny z"
    assert clean("Zu\u0308rich ver\u00adtrag") == "Zürich vertrag"
    assert clean("ＡＢＣ１２３") == "ABC123"
    assert clean(" \n ") == ""


def test_the_language_is_told_or_left_open() -> None:
    assert (
        language_of("The supplier delivers the machines within thirty days after the order.")
        == "en"
    )
    assert language_of(GERMAN) == "de"
    assert language_of(RUSSIAN) == "ru"
    assert language_of("これは日本語の文章です") == "ja"
    assert language_of("Invoice 20417") is None
    assert language_of("12 / 34 / 56 " * 40) is None
    assert language_of("") is None
