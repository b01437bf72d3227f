from fractions import Fraction
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import IFDRational
from pypdf import PdfWriter
from pypdf.generic import NameObject, StreamObject, TextStringObject

from tests.worker.extraction import samples
from tests.worker.extraction.conftest import Reader


def test_a_recording_has_no_text_and_says_what_it_is(read_bounded: Reader) -> None:
    result = read_bounded(samples.wave_sound(2.5, title="Diktat März", artist="Ada"), "a.wav")

    assert (result.status, result.text, result.media_type) == ("no_text", "", "audio/wav")
    assert "recording" in result.detail
    assert (result.metadata.title, result.metadata.creators) == ("Diktat März", ("Ada",))
    extra = result.metadata.extra
    assert (extra["duration_seconds"], extra["channels"], extra["sample_rate"]) == (2.5, 1, 8000)
    assert extra["audio_codec"] == "PCM"


def test_mp3(read_bounded: Reader) -> None:
    metadata = read_bounded(samples.mp3(3, title="Größe", artist="Bob"), "a.mp3").metadata

    assert (metadata.title, metadata.creators, metadata.created) == ("Größe", ("Bob",), "2019")
    assert metadata.extra["audio_codec"] == "MPEG Audio"
    assert metadata.extra["duration_seconds"] == pytest.approx(3, abs=0.2)


def test_film(read_bounded: Reader) -> None:
    result = read_bounded(samples.mp4(95, title="Baustelle"), "a.mp4")

    assert (result.status, result.media_type) == ("no_text", "video/mp4")
    assert result.metadata.title == "Baustelle"
    assert result.metadata.created == "2026-03-01T09:00:00+00:00"
    extra = result.metadata.extra
    assert (extra["width"], extra["height"], extra["duration_seconds"]) == (640, 360, 95)
    assert extra["video_codec"] == "AVC"


@pytest.mark.parametrize("name", ["a.mp3", "a.mp4", "a.wav", "a.mkv", "a.flac"])
def test_no_recording_is_damaged(read: Reader, name: str) -> None:
    result = read(bytes(range(256)) * 20, name)

    assert result.status == "damaged"
    assert result.detail


def picture(kind: str, **options: Any) -> bytes:
    return samples.png(samples.scan([]), kind, **options)


def exif() -> Image.Exif:
    made = Image.Exif()
    made[0x010F], made[0x0110] = "Examplex", "Examplex 7"
    made[0x013B] = "Jürgen Groß".encode()
    made[0x010E] = "The site before work began"
    made.get_ifd(0x8769).update(
        {0x9003: "2026:03:02 09:00:00", 0x9011: "+01:00", 0x829D: IFDRational(28, 10)}
    )
    north, east = (53, 32, Fraction(276, 10)), (9, 59, Fraction(36, 1))
    made.get_ifd(0x8825).update(
        {
            1: "S", 2: tuple(IFDRational(Fraction(part)) for part in north),
            3: "E", 4: tuple(IFDRational(Fraction(part)) for part in east), 5: b"\1", 6: IFDRational(125, 10),
        }
    )  # fmt: skip
    return made


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF"])
def test_a_photograph(read: Reader, kind: str) -> None:
    metadata = read(picture(kind, exif=exif()), "a").metadata

    assert metadata.creators == ("Jürgen Groß",)
    assert metadata.description == "The site before work began"
    assert metadata.created == "2026-03-02T09:00:00+01:00"
    extra = metadata.extra
    assert extra["camera"] == "Examplex 7"
    assert extra["f_number"] == 2.8
    assert (extra["latitude"], extra["longitude"]) == (-53.541, 9.993333)
    assert extra["altitude_m"] == -12.5
    assert extra["width"] > extra["height"] > 0 or extra["height"] > extra["width"] > 0
    assert "53" not in metadata.words()


def test_the_texts_of_a_png_and_its_xmp(read: Reader) -> None:
    texts = PngInfo()
    texts.add_text("Title", "A drawing")
    texts.add_itxt("XML:com.adobe.xmp", XMP)
    metadata = read(picture("PNG", pnginfo=texts), "a.png").metadata

    assert metadata.title == "A drawing"
    assert metadata.creators == ("Ada", "Bob")
    assert metadata.keywords == ("plan", "ground floor")
    assert metadata.modified == "2026-03-02T09:00:00+01:00"
    assert metadata.software == "Draw 7"


XMP = """<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="Draw 7">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">XMP's title</rdf:li><rdf:li xml:lang="de">Titel</rdf:li></rdf:Alt>
</dc:title><dc:creator><rdf:Seq><rdf:li>Ada</rdf:li><rdf:li>Bob</rdf:li></rdf:Seq></dc:creator>
<dc:subject><rdf:Bag><rdf:li>plan</rdf:li><rdf:li>ground floor</rdf:li></rdf:Bag></dc:subject>
<xmp:ModifyDate>2026-03-02T09:00:00+01:00</xmp:ModifyDate>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""


def test_a_pdf_whose_metadata_is_in_xmp_alone(read: Reader) -> None:
    writer = PdfWriter(BytesIO(samples.pdf([samples.text_page(["words"])])))
    packet = StreamObject()
    packet.set_data(XMP.encode())
    packet.update(
        {NameObject("/Type"): NameObject("/Metadata"), NameObject("/Subtype"): NameObject("/XML")}
    )
    writer.root_object[NameObject("/Metadata")] = writer._add_object(packet)
    writer.root_object[NameObject("/Lang")] = TextStringObject("en-GB")
    writer.metadata = None
    whole = BytesIO()
    writer.write(whole)
    metadata = read(whole.getvalue(), "a.pdf").metadata

    assert (metadata.title, metadata.creators) == ("XMP's title", ("Ada", "Bob"))
    assert metadata.language == "en-GB"
