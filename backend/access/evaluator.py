"""The decision over one resource: pure and total. The set-based filter in `queries` says the same in SQL."""

from collections.abc import Iterable
from dataclasses import dataclass

from backend.access.conditions import holds
from backend.access.rules import Effect, Request, Rule, Scope

_DEPTH = {Scope.EVERYTHING: -2, Scope.FOLDERS: -1, Scope.DOCUMENTS: -1}


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer, and the rule that gave it; no rule where nothing matched."""

    allowed: bool
    rule: Rule | None = None


@dataclass(frozen=True, slots=True)
class PolicyEvaluator:
    """Decides by rules. Deny always wins, wherever on the path it stands; if nothing matches, the answer is no."""

    rules: Iterable[Rule]

    def matching(self, request: Request) -> list[Rule]:
        """Return the rules that speak of what is asked, those nearest to the resource first."""
        found = [rule for rule in self.rules if _matches(rule, request)]
        return sorted(found, key=lambda rule: -_depth(rule, request))

    def unmet(self, request: Request) -> list[Rule]:
        """Return the rules that would speak of what is asked if their conditions held, the nearest first."""
        found = [
            rule
            for rule in self.rules
            if _is_about(rule, request) and not holds(rule.condition, request.attributes)
        ]
        return sorted(found, key=lambda rule: -_depth(rule, request))

    def decide(self, request: Request) -> Decision:
        """Return whether it is allowed: by which rule, the nearest to the resource where there are several."""
        found = self.matching(request)
        for effect in (Effect.DENY, Effect.ALLOW):
            for rule in found:
                if rule.effect is effect:
                    return Decision(allowed=effect is Effect.ALLOW, rule=rule)
        return Decision(allowed=False)


def _matches(rule: Rule, request: Request) -> bool:
    return _is_about(rule, request) and holds(rule.condition, request.attributes)


def _is_about(rule: Rule, request: Request) -> bool:
    return request.action in rule.actions and rule.target.covers(request.resource)


def _depth(rule: Rule, request: Request) -> int:
    """Return how far down the path the rule's target stands."""
    if rule.target.document_id is not None:
        return len(request.resource.path)
    if rule.target.folder_id is not None:
        return request.resource.path.index(rule.target.folder_id)
    return _DEPTH[rule.target.scope]
