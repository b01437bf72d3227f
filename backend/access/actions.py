"""The names of what can be done, and what each asks of the actor.

Names follow the policies of the full access model (`dms:<resource>:<Verb>`); until it lands, each maps onto one of
four rights.
"""

from enum import StrEnum


class Action(StrEnum):
    """Something an actor may be allowed to do to a folder or to the documents in it."""

    FOLDER_LIST = "dms:folder:List"
    FOLDER_CREATE = "dms:folder:Create"
    FOLDER_UPDATE = "dms:folder:Update"
    FOLDER_DELETE = "dms:folder:Delete"
    FOLDER_RESTORE = "dms:folder:Restore"
    FOLDER_PURGE = "dms:folder:Purge"
    DOCUMENT_READ = "dms:document:Read"
    DOCUMENT_CREATE = "dms:document:Create"
    DOCUMENT_UPDATE = "dms:document:Update"
    DOCUMENT_DELETE = "dms:document:Delete"
    DOCUMENT_RESTORE = "dms:document:Restore"
    DOCUMENT_PURGE = "dms:document:Purge"
    ACCESS_MANAGE = "dms:access:Manage"


class Right(StrEnum):
    """What the API lists as `permissions`, in this order."""

    READ = "read"
    WRITE = "write"
    DELETE = "delete"
    MANAGE = "manage"


REQUIRED: dict[Action, Right] = {
    Action.FOLDER_LIST: Right.READ,
    Action.FOLDER_CREATE: Right.WRITE,
    Action.FOLDER_UPDATE: Right.WRITE,
    Action.FOLDER_DELETE: Right.DELETE,
    Action.FOLDER_RESTORE: Right.DELETE,
    Action.FOLDER_PURGE: Right.MANAGE,
    Action.DOCUMENT_READ: Right.READ,
    Action.DOCUMENT_CREATE: Right.WRITE,
    Action.DOCUMENT_UPDATE: Right.WRITE,
    Action.DOCUMENT_DELETE: Right.DELETE,
    Action.DOCUMENT_RESTORE: Right.DELETE,
    Action.DOCUMENT_PURGE: Right.MANAGE,
    Action.ACCESS_MANAGE: Right.MANAGE,
}
"""The right that each action takes."""
