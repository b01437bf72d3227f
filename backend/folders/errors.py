"""What can go wrong in the tree."""

from backend.core.errors import ConflictError


class FolderNameTakenError(ConflictError):
    """Another folder of the same parent has this name, in whatever case."""

    code = "name_taken"
    title = "The name is taken"


class FolderCycleError(ConflictError):
    """A folder cannot be moved into itself or below itself."""

    code = "folder_cycle"
    title = "A folder cannot contain itself"


class FolderKindError(ConflictError):
    """Drawers stand in cabinets, cabinets at the root, folders in anything."""

    code = "folder_kind"
    title = "It cannot stand there"


class ParentTrashedError(ConflictError):
    """What is restored has no place to return to: its folder is in the trash too."""

    code = "parent_trashed"
    title = "Its folder is in the trash"
