"""PowerPoint presentations: slides in order, each with its pictures; then what is beside them.

That is notes, charts, diagrams, comments, and the files embedded in it.
"""

from __future__ import annotations

from backend.content.media_types import PPTX
from worker.extraction.archive import Archive, open_archive
from worker.extraction.errors import Damaged
from worker.extraction.ooxml import Pictures, drawing_text, read_embedded_files
from worker.extraction.properties import read_office_properties
from worker.extraction.reading import Content, Context, Source

MEDIA_TYPES = (PPTX,)

_BESIDE_THE_SLIDES = ("ppt/notesSlides/", "ppt/charts/chart", "ppt/diagrams/data", "ppt/comments/")


def read(source: Source, context: Context, content: Content) -> None:
    """Append what a presentation says."""
    with open_archive(source.stream, context) as archive:
        content.read_by("ooxml")
        slides = archive.matching("ppt/slides/slide", ".xml")
        if not slides and "ppt/presentation.xml" not in archive.names:
            raise Damaged("The presentation's main part is missing.")
        content.page_count = len(slides)
        read_office_properties(archive, content.metadata)
        pictures = Pictures(archive, "ppt/media/", context, content)
        for slide in slides[: context.limits.pages]:
            content.begin_page()
            _add(archive, slide, context, content)
            pictures.read_all_shown(slide)
        content.end_page()
        if len(slides) > context.limits.pages:
            content.cut(
                f"Only the first {context.limits.pages:,} of {len(slides):,} slides were read."
            )
        for folder in _BESIDE_THE_SLIDES:
            for name in archive.matching(folder, ".xml"):
                _add(archive, name, context, content)
        pictures.read_rest()
        read_embedded_files(archive, archive.matching("ppt/embeddings/"), context, content)


def _add(archive: Archive, name: str, context: Context, content: Content) -> None:
    context.check_time(content)
    for paragraph in drawing_text(archive, name):
        content.add(paragraph)
