"""What decides: rules, and what they speak of. Pure; knows no database."""

import re
from dataclasses import dataclass
from enum import StrEnum

from backend.access.actions import Action
from backend.access.conditions import NO_CONDITION, Attributes, Condition
from backend.access.errors import NameInvalidError

_LARGEST = 2**63 - 1


class Effect(StrEnum):
    """What a rule does to the actions it names."""

    ALLOW = "allow"
    DENY = "deny"


class PrincipalKind(StrEnum):
    """What can be given rights."""

    USER = "user"
    GROUP = "group"


@dataclass(frozen=True, slots=True, order=True)
class Principal:
    """A user or a group; written `user:7`, `group:3`."""

    kind: PrincipalKind
    id: int

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"

    @classmethod
    def of_user(cls, user_id: int) -> "Principal":
        """Return a user as a principal."""
        return cls(PrincipalKind.USER, user_id)

    @classmethod
    def parse(cls, text: str) -> "Principal":
        """Return what is written.

        Raises:
            NameInvalidError: it is neither a user nor a group.
        """
        found = re.fullmatch(r"(user|group):([0-9]{1,19})", text)
        if found is None or int(found[2]) > _LARGEST:
            raise NameInvalidError(f"{text!r} is no principal: say user:7 or group:3.")
        return cls(PrincipalKind(found[1]), int(found[2]))


NOTHING_IN_PARTICULAR = 0
"""The id of no folder and of no document: it stands for whatever may be in a folder."""


@dataclass(frozen=True, slots=True)
class Resource:
    """Something that is done to: a folder, a document, or with neither the organisation itself."""

    path: tuple[int, ...] = ()
    """The folders from the cabinet down: to the folder itself, or to the one the document is in."""
    document_id: int | None = None


class Scope(StrEnum):
    """How far a target reaches."""

    EVERYTHING = "everything"
    FOLDERS = "folders"
    """Every folder, and no document."""
    DOCUMENTS = "documents"
    """Every document, and no folder."""
    FOLDER = "folder"
    """One folder, and nothing in it."""
    BELOW = "below"
    """What is in a folder, at any depth, and not the folder itself."""
    TREE = "tree"
    """A folder and all that is in it."""
    DOCUMENT = "document"


ON_FOLDERS = frozenset({Scope.FOLDER, Scope.BELOW, Scope.TREE})
"""The scopes whose target is a folder."""

_FORMS = (
    (re.compile(r"\*|dms:\*"), Scope.EVERYTHING),
    (re.compile(r"dms:folder:\*"), Scope.FOLDERS),
    (re.compile(r"dms:document:\*"), Scope.DOCUMENTS),
    (re.compile(r"dms:folder:([0-9]{1,19})"), Scope.FOLDER),
    (re.compile(r"dms:folder:([0-9]{1,19})/\*"), Scope.BELOW),
    (re.compile(r"dms:document:([0-9]{1,19})"), Scope.DOCUMENT),
)
_WRITTEN = {
    Scope.EVERYTHING: "*",
    Scope.FOLDERS: "dms:folder:*",
    Scope.DOCUMENTS: "dms:document:*",
    Scope.FOLDER: "dms:folder:{}",
    Scope.BELOW: "dms:folder:{}/*",
    Scope.TREE: "dms:folder:{}",
    Scope.DOCUMENT: "dms:document:{}",
}


@dataclass(frozen=True, slots=True)
class Target:
    """The resources a rule speaks of."""

    scope: Scope
    id: int | None = None

    def __str__(self) -> str:
        return _WRITTEN[self.scope].format(self.id)

    @property
    def folder_id(self) -> int | None:
        """The folder it is about, where it is about one."""
        return self.id if self.scope in ON_FOLDERS else None

    @property
    def document_id(self) -> int | None:
        """The document it is about, where it is about one."""
        return self.id if self.scope is Scope.DOCUMENT else None

    def covers(self, resource: Resource) -> bool:
        """Tell whether a resource is among those the rule speaks of."""
        is_document = resource.document_id is not None
        is_folder = not is_document and resource.path != ()
        covered = {
            Scope.EVERYTHING: True,
            Scope.FOLDERS: is_folder,
            Scope.DOCUMENTS: is_document,
            Scope.FOLDER: is_folder and resource.path[-1] == self.id,
            Scope.BELOW: self.id in (resource.path if is_document else resource.path[:-1]),
            Scope.TREE: self.id in resource.path,
            Scope.DOCUMENT: is_document and resource.document_id == self.id,
        }
        return covered[self.scope]

    @classmethod
    def parse(cls, text: str) -> "Target":
        """Return what a policy or a caller wrote.

        Raises:
            NameInvalidError: it names no resources.
        """
        for form, scope in _FORMS:
            found = form.fullmatch(text)
            if found is not None:
                number = int(found[1]) if form.groups else None
                if number is None or number <= _LARGEST:
                    return cls(scope, number)
        raise NameInvalidError(
            f"{text!r} names no resource: say *, dms:folder:12, dms:folder:12/* (all in it), dms:folder:*, "
            "dms:document:45 or dms:document:*."
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that is said: these actions, on this target, for this principal, are allowed or denied."""

    principal: Principal
    effect: Effect
    actions: frozenset[Action]
    target: Target
    condition: Condition = NO_CONDITION
    grant_id: int | None = None
    policy_id: int | None = None
    statement: int | None = None
    """The place of the policy's statement it was compiled from, from 0."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: may this be done to that, the attributes being these?"""

    action: Action
    resource: Resource
    attributes: Attributes
