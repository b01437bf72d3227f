"""The named roles a grant can give: sets of actions, each holding the one before."""

from collections.abc import Mapping
from enum import StrEnum

from backend.access.actions import Action


class GrantRole(StrEnum):
    """A set of actions under a name."""

    READER = "reader"
    CONTRIBUTOR = "contributor"
    EDITOR = "editor"
    MANAGER = "manager"


_READER = frozenset({Action.FOLDER_LIST, Action.DOCUMENT_READ})
_CONTRIBUTOR = _READER | {Action.FOLDER_CREATE, Action.DOCUMENT_CREATE}
_EDITOR = _CONTRIBUTOR | {
    Action.FOLDER_UPDATE,
    Action.FOLDER_MOVE,
    Action.FOLDER_DELETE,
    Action.FOLDER_RESTORE,
    Action.DOCUMENT_UPDATE,
    Action.DOCUMENT_MOVE,
    Action.DOCUMENT_DELETE,
    Action.DOCUMENT_RESTORE,
    Action.DOCUMENT_LOCK,
}
_MANAGER = _EDITOR | {
    Action.CABINET_DELETE,
    Action.FOLDER_PURGE,
    Action.DOCUMENT_PURGE,
    Action.ACCESS_MANAGE,
}

ACTIONS_OF: Mapping[GrantRole, frozenset[Action]] = {
    GrantRole.READER: _READER,
    GrantRole.CONTRIBUTOR: _CONTRIBUTOR,
    GrantRole.EDITOR: _EDITOR,
    GrantRole.MANAGER: _MANAGER,
}
"""What each role allows."""
