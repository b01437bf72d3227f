"""Imports: whole directories of the server brought in, each file once however often that is interrupted.

A file counts as filed by a row of the journal, written in the transaction of the document (docs/adr/0024-imports.md).
"""
