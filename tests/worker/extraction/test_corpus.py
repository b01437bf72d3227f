"""Every file of the shared corpus ends in a state that says what became of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from worker.extraction import OCR_LIMITS, Limits, run_bounded

CORPUS = Path(__file__).parents[4] / "shared" / "corpus"
FILES = sorted(path for path in CORPUS.glob("*") if path.is_file())
EXPECTED = {
    "testODTEncrypted.odt": "encrypted",
    "testPassword4Spaces.pdf": "encrypted",
    "print_protection.pdf": "encrypted",
    "testHEIC_livePhoto.heic": "damaged",
    "testMSG.msg": "indexed",
    "simple_lower_case.doc": "indexed",
    "pictures.ppt": "needs_ocr",
    "testWPSAttachment.ppt": "indexed",
    "bitmap-stripe.pdf": "needs_ocr",
    "testOCR_spacing.png": "needs_ocr",
    "testWORD_embeded.docx": "needs_ocr",
    "bug1782564.pdf": "no_text",
}
PHRASES = {
    "german-umlaut-r.pdf": "ö„üä",
    "testArabicMisleadingCharset.html": "في قرية من القرى",
    "testHTMLNoisyMetaEncoding_3.html": "وأعرب الاتحاد",
    "gbk.zip": "审计压缩包文件检索测试",
    "testTXTNonASCIIUTF8.txt": "Le renard brun rapide saute",
    "testPopupAnnotation.pdf": "this is the note",
    "issue12705.pdf": "מחלקה",
    "issue15690.pdf": "Optimization of water extraction",
    "testEXCEL_custom_props.xls": "propriétés",
    "testWORD_numbered_list.docx": "Intervening table\tWithin cell 1",
    "testPPT_comment.pptx": "add some content to this tps deck",
    "testODT_svgTitleInStyledSpan.odt": "國立雲林科技大學",
    "test-columnar.ods": "Record Number",
    "testRFC822_x-.eml": "Julien Nioche commented",
    "testMSG_chinese.msg": "MSG 格式測試",
    "testMSG_forwarded.msg": "Original Body",
    "testPPT_comment.ppt": "add some content to this tps deck",
    "testPPT_skipBadCompressedObject.ppt": "conflict resolutions in the hands of the flight crew",
    "testPPT_various.ppt": "Row 2 Col 3",
    "testWORD_no_format.doc": "102\tAdministration och övervakning",
    "testEXCEL_textbox.xls": "this is some autoshape text",
    "testFontAfterBufferedText.rtf": "Уважаемый клиент!",
    "testRTFTableCellSeparation.rtf": "ä\të\nö\tü",
    "testRTF_nestedHyperlinkPageRef.rtf": "Before 42 after.",
    "testEmbedded.zip": "Test 2 text.",
    "test-zip-of-zip.zip": "This is just some text.",
    "testWPSAttachment.ppt": "pdf_content",
    "testExcel_embeddedPDF.xls": "Hello World!",
    "testExcel_embeddedPDF.xlsx": "Hello World!",
    "testPPT_various2.pptx": "Numbers and their Squares",
    "testWORD_embeded.docx": "SKIP1\tSKIP2",
    "testODFwithOOo3.odt": "three embedded",
    "testMicrosoftIRMServices.pdf": "Protected PDF.pdf",
}
CLAIMS = {
    "testWORD_custom_props.doc": ("My Title", "Etienne Jouvin", "MyStringValue"),
    "testPPT_various.ppt": ("Subject is here", "Michael McCandless"),
    "testWORD_tabular_symbol.doc": ("Информационный бюллетень новых поступлений",),
    "testEPUB.epub": ("An ePub for Tika", "Bart Hanssens", "Apache"),
    "testMSG.msg": ("MIME registry use cases", "Jukka Zitting <jukka.zitting@gmail.com>"),
    "testRTFListLibreOffice.rtf": ("Axel Dörfler",),
    "testJPEG_commented_xnviewmp026.jpg": ("Nokia N78", "nature reserve"),
    "testHEIF.heic": ("Canon EOS 40D",),
}

READ_BY_OCR = {
    "testOCR_spacing.png": "The quick brown fox",
    "testRotated+10.png": "declared vicinity continue supplied",
    "testRotated-10.png": "declared vicinity continue supplied",
}


@pytest.mark.skipif(not FILES, reason="the shared corpus is not beside this repository")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_ends_in_a_state_that_says_why(path: Path, sandbox: None) -> None:
    result = run_bounded(path, name=path.name, limits=Limits(wall_seconds=30), ocr=False)

    assert result.status == EXPECTED.get(path.name, result.status)
    assert result.status != "failed", result.detail
    assert bool(result.text) or result.status != "indexed"
    assert bool(result.detail) or result.status in {"indexed", "needs_ocr"}
    assert PHRASES.get(path.name, "") in result.text
    words = result.metadata.words()
    assert [claim for claim in CLAIMS.get(path.name, ()) if claim not in words] == []


@pytest.mark.slow
@pytest.mark.skipif(not FILES, reason="the shared corpus is not beside this repository")
@pytest.mark.parametrize(("name", "phrase"), READ_BY_OCR.items(), ids=READ_BY_OCR.keys())
def test_what_is_in_pictures_is_read_by_ocr(name: str, phrase: str, sandbox: None) -> None:
    result = run_bounded(CORPUS / name, name=name, limits=OCR_LIMITS, ocr=True)
    assert result.status == "indexed"
    assert phrase in result.text
