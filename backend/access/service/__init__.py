"""The one access filter: what an actor may see, and what an actor may do to it; who gives and takes that, and why.

Every read of folders and documents passes through here: single ones through `require` and `require_document`, sets
through `view` and `tree`, the search through `visible_keys`. Other domains import these names from here.
"""

from backend.access.service.deciding import (
    document_permissions,
    readable_ids,
    require,
    require_cabinet_creation,
    require_document,
)
from backend.access.service.filtering import (
    Keys,
    Path,
    Readable,
    Tree,
    View,
    paths_of,
    tree,
    view,
    visible_keys,
)
from backend.access.service.granting import grant_creator
from backend.access.service.telling import Subject, audiences

__all__ = [
    "Keys",
    "Path",
    "Readable",
    "Subject",
    "Tree",
    "View",
    "audiences",
    "document_permissions",
    "grant_creator",
    "paths_of",
    "readable_ids",
    "require",
    "require_cabinet_creation",
    "require_document",
    "tree",
    "view",
    "visible_keys",
]
