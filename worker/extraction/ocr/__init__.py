"""Optical character recognition: the interface every engine has, and the choice of the one in use.

Words have boxes in pixels of the picture given, and a confidence between 0 and 1; a page's text is in reading order.
"""

from __future__ import annotations

from worker.extraction.ocr.engine import OcrEngine, OcrPage, OcrWord, local_engine

__all__ = ["OcrEngine", "OcrPage", "OcrWord", "local_engine"]
