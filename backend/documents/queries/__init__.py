"""SQL of documents, by what it is about. Used by the services of documents alone."""

from backend.documents.queries import blobs, documents, holders, limits, scanning, trash, versions

__all__ = ["blobs", "documents", "holders", "limits", "scanning", "trash", "versions"]
