"""Text layers: what the pages of a version say, word by word, and where on the page it stands.

A *page* is one of a PDF, of a picture file, a slide or a sheet. Its text and its words come from the file itself, from
recognition (OCR) or from a person who corrected them. Everything read or corrected in one go is a *layer* of the
version, numbered from 1; layers are never changed afterwards. Of each page the newest reading counts (docs/adr/0021).

The whole of a version's text is kept and searched by `search`; this domain stands above it and hands it over.
"""
