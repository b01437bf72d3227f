"""Resumable uploads: the tus protocol, version 1.0 (https://tus.io/protocols/resumable-upload).

An *upload* is content on its way to a document, or to a version of one. Its bytes grow in a *draft* of the store; the
database knows whose it is and what it is to become. A *partial* upload becomes nothing by itself: a *final* one joins
several of them. docs/adr/0017-resumable-uploads.md says why it is built as it is.
"""
