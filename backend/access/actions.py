"""The names of what can be done, and what the API calls it in the lists of `permissions`."""

from collections.abc import Mapping
from enum import StrEnum

from backend.access.patterns import like


class Action(StrEnum):
    """Something an actor may be allowed to do.

    The resource of `dms:document:Create` and `dms:folder:Create` is the folder in which something is to be created;
    that of `dms:cabinet:Create` is the organisation itself, which only `*` names.
    """

    CABINET_CREATE = "dms:cabinet:Create"
    CABINET_DELETE = "dms:cabinet:Delete"
    FOLDER_LIST = "dms:folder:List"
    FOLDER_CREATE = "dms:folder:Create"
    FOLDER_UPDATE = "dms:folder:Update"
    FOLDER_MOVE = "dms:folder:Move"
    FOLDER_DELETE = "dms:folder:Delete"
    FOLDER_RESTORE = "dms:folder:Restore"
    FOLDER_PURGE = "dms:folder:Purge"
    DOCUMENT_READ = "dms:document:Read"
    DOCUMENT_CREATE = "dms:document:Create"
    DOCUMENT_UPDATE = "dms:document:Update"
    DOCUMENT_MOVE = "dms:document:Move"
    DOCUMENT_DELETE = "dms:document:Delete"
    DOCUMENT_RESTORE = "dms:document:Restore"
    DOCUMENT_PURGE = "dms:document:Purge"
    DOCUMENT_LOCK = "dms:document:Lock"
    ACCESS_MANAGE = "dms:access:Manage"


ON_DOCUMENTS = frozenset(
    action
    for action in Action
    if action.startswith("dms:document:") and action is not Action.DOCUMENT_CREATE
)
"""The actions whose resource is a document; `dms:access:Manage` has either, the others a folder."""

FOLDER_PERMISSIONS: Mapping[str, Action] = {
    "read": Action.FOLDER_LIST,
    "create": Action.DOCUMENT_CREATE,
    "write": Action.FOLDER_UPDATE,
    "move": Action.FOLDER_MOVE,
    "delete": Action.FOLDER_DELETE,
    "manage": Action.ACCESS_MANAGE,
}
"""What the API lists as the `permissions` of a folder, in this order."""

DOCUMENT_PERMISSIONS: Mapping[str, Action] = {
    "read": Action.DOCUMENT_READ,
    "write": Action.DOCUMENT_UPDATE,
    "move": Action.DOCUMENT_MOVE,
    "delete": Action.DOCUMENT_DELETE,
    "manage": Action.ACCESS_MANAGE,
}
"""What the API lists as the `permissions` of a document, in this order."""


def expand(pattern: str) -> frozenset[Action]:
    """Return the actions a pattern of a policy names: `*` is any characters, `?` one; case does not matter."""
    return frozenset(action for action in Action if like(action.lower(), pattern.lower()))
