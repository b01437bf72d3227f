"""How far somebody's rules reach for one action, as sets of folders and documents. Pure.

Conditions that speak of the request alone (address, time, user) are decided here. Those that speak of a document stay,
as *clauses*: they hold or not document by document. A folder has none of a document's attributes, so it has no clauses.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from backend.access.actions import Action
from backend.access.conditions import (
    NO_CONDITION,
    Attributes,
    Condition,
    Test,
    holds,
    is_of_document,
    resolved,
)
from backend.access.rules import Effect, Rule, Scope

Ids = frozenset[int]
_NONE: Ids = frozenset()


@dataclass(frozen=True, slots=True)
class Extent:
    """Folders, by the targets of rules."""

    everywhere: bool = False
    trees: Ids = _NONE
    """These and all below."""
    belows: Ids = _NONE
    """All below these."""
    selves: Ids = _NONE
    """These alone."""

    def __bool__(self) -> bool:
        return self.everywhere or bool(self.trees or self.belows or self.selves)

    @property
    def named(self) -> Ids:
        """The folders that are in it by their own id."""
        return self.trees | self.selves

    def is_inherited_in(self, path: Iterable[int]) -> bool:
        """Tell whether it holds all that is in the last folder of a path; an empty path is the organisation's root."""
        inheriting = self.trees | self.belows
        return self.everywhere or any(folder in inheriting for folder in path)

    def has(self, path: Sequence[int]) -> bool:
        """Tell whether it holds the last folder of a path."""
        return path[-1] in self.named or self.is_inherited_in(path[:-1])


NOTHING = Extent()
EVERYTHING = Extent(everywhere=True)


@dataclass(frozen=True, slots=True)
class FolderReach:
    """The folders an action is allowed on: those of `allowed` that are not in `denied`."""

    allowed: Extent = NOTHING
    denied: Extent = NOTHING

    def has(self, path: Sequence[int]) -> bool:
        """Tell whether the last folder of a path is among them."""
        return bool(path) and self.allowed.has(path) and not self.denied.has(path)


@dataclass(frozen=True, slots=True)
class Clause:
    """Documents in an extent, or named by id, that a condition holds of."""

    extent: Extent
    documents: Ids
    condition: Condition


@dataclass(frozen=True, slots=True)
class DocumentReach:
    """The documents an action is allowed on.

    Those in the folders of `allowed`, those of `documents` and those of `clauses`, less their denied counterparts.
    """

    allowed: Extent = NOTHING
    denied: Extent = NOTHING
    documents: Ids = _NONE
    denied_documents: Ids = _NONE
    clauses: tuple[Clause, ...] = ()
    denied_clauses: tuple[Clause, ...] = ()


@dataclass(slots=True)
class _Gathered:
    everywhere: bool = False
    trees: set[int] = field(default_factory=set)
    belows: set[int] = field(default_factory=set)
    selves: set[int] = field(default_factory=set)
    documents: set[int] = field(default_factory=set)

    @property
    def extent(self) -> Extent:
        return Extent(
            self.everywhere, frozenset(self.trees), frozenset(self.belows), frozenset(self.selves)
        )


def reach_of_folders(rules: Iterable[Rule], action: Action, attributes: Attributes) -> FolderReach:
    """Return the folders an action is allowed on; the attributes are those of the request."""
    gathered = {effect: _Gathered() for effect in Effect}
    for rule in rules:
        if action in rule.actions and holds(rule.condition, attributes):
            _add_folders(gathered[rule.effect], rule)
    return FolderReach(gathered[Effect.ALLOW].extent, gathered[Effect.DENY].extent)


def _add_folders(gathered: _Gathered, rule: Rule) -> None:
    target = rule.target
    match target.scope, target.id:
        case ((Scope.EVERYTHING | Scope.FOLDERS), None):
            gathered.everywhere = True
        case Scope.FOLDER, int(folder_id):
            gathered.selves.add(folder_id)
        case Scope.BELOW, int(folder_id):
            gathered.belows.add(folder_id)
        case Scope.TREE, int(folder_id):
            gathered.trees.add(folder_id)
        case _:  # a document is no folder
            pass


def reach_of_documents(
    rules: Iterable[Rule], action: Action, attributes: Attributes
) -> DocumentReach:
    """Return the documents an action is allowed on; the attributes are those of the request."""
    gathered: dict[tuple[Effect, Condition], _Gathered] = {}
    for rule in rules:
        if action not in rule.actions:
            continue
        condition = _of_documents(rule.condition, attributes)
        if condition is not None:
            key = (rule.effect, condition)
            _add_documents(gathered.setdefault(key, _Gathered()), rule)
    allow, deny = (
        gathered.get((effect, NO_CONDITION), _Gathered()) for effect in (Effect.ALLOW, Effect.DENY)
    )
    return DocumentReach(
        allow.extent,
        deny.extent,
        frozenset(allow.documents),
        frozenset(deny.documents),
        _clauses(gathered, Effect.ALLOW),
        _clauses(gathered, Effect.DENY),
    )


def _clauses(
    gathered: dict[tuple[Effect, Condition], _Gathered], effect: Effect
) -> tuple[Clause, ...]:
    return tuple(
        Clause(found.extent, frozenset(found.documents), condition)
        for (of, condition), found in gathered.items()
        if of is effect and condition and (found.extent or found.documents)
    )


def _add_documents(gathered: _Gathered, rule: Rule) -> None:
    target = rule.target
    match target.scope, target.id:
        case ((Scope.EVERYTHING | Scope.DOCUMENTS), None):
            gathered.everywhere = True
        case ((Scope.BELOW | Scope.TREE), int(folder_id)):
            # What is in a folder is below it.
            gathered.trees.add(folder_id)
        case Scope.DOCUMENT, int(document_id):
            gathered.documents.add(document_id)
        case _:  # a folder alone is no document
            pass


def _of_documents(condition: Condition, attributes: Attributes) -> Condition | None:
    """Return what of a condition is left to ask of a document; None where the rest does not hold."""
    about_document = tuple(test for test in condition if is_of_document(test.key))
    rest = tuple(test for test in condition if not is_of_document(test.key))
    if not holds(rest, attributes):
        return None
    return tuple(
        Test(
            test.key,
            test.comparison,
            tuple(resolved(test, attributes)),
            test.is_negated,
            test.quantifier,
            test.if_exists,
        )
        for test in about_document
    )
