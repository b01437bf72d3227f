"""Wire shapes of access: grants, policies, and the answers to why, who and what if."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from backend.access.actions import Action
from backend.access.roles import GrantRole
from backend.access.rules import Effect

_PRINCIPAL_EXAMPLE: dict[str, Any] = {
    "principal": "user:7",
    "name": "Grace Hopper",
    "email": "grace@example.org",
}
PrincipalName = Annotated[
    str,
    StringConstraints(max_length=40),
    Field(description="A user or a group.", examples=["user:7", "group:3"]),
]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1_000)]


class PrincipalOut(BaseModel):
    """A user or a group, by name."""

    model_config = ConfigDict(json_schema_extra={"example": _PRINCIPAL_EXAMPLE})

    principal: str
    name: str
    email: str | None = Field(description="Of a user.")


class GrantIn(BaseModel):
    """What a principal is to be allowed or denied: a role, or actions by name or pattern."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"principal": "group:3", "role": "editor"}},
    )

    principal: PrincipalName
    effect: Effect = Effect.ALLOW
    role: GrantRole | None = None
    actions: list[Annotated[str, StringConstraints(max_length=100)]] | None = Field(
        default=None, min_length=1, max_length=50, description="In place of a role."
    )
    reason: Reason | None = Field(
        default=None,
        description="Required of administrators who take access for themselves to what they were not given.",
    )


class GrantOut(BaseModel):
    """What a principal is allowed or denied on a folder and all below it, or on a document."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": 31,
                "principal": _PRINCIPAL_EXAMPLE,
                "effect": "allow",
                "role": "reader",
                "actions": ["dms:document:Read", "dms:folder:List"],
                "resource": "dms:folder:12",
                "resource_name": "Contracts 2026",
                "inherited": False,
                "reason": None,
                "created_at": "2026-03-02T09:14:00Z",
                "created_by": "Ada Lovelace",
            }
        }
    )

    id: int
    principal: PrincipalOut
    effect: Effect
    role: GrantRole | None
    actions: list[Action]
    resource: str
    resource_name: str
    inherited: bool = Field(description="Whether it stands on a folder above.")
    reason: str | None
    created_at: datetime
    created_by: str


_POLICY_EXAMPLE: dict[str, Any] = {
    "Version": "1",
    "Statement": [
        {
            "Sid": "hr-read",
            "Effect": "Allow",
            "Action": ["dms:document:Read", "dms:folder:List"],
            "Resource": ["dms:folder:123", "dms:folder:123/*"],
            "Condition": {"StringEquals": {"dms:documentType": "contract"}},
        }
    ],
}
PolicyName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Description = Annotated[str, StringConstraints(max_length=2_000)]


class PolicyIn(BaseModel):
    """A new policy."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"name": "HR reads", "document": _POLICY_EXAMPLE}},
    )

    name: PolicyName
    description: Description = ""
    document: dict[str, Any]


class AttachIn(BaseModel):
    """Why a policy is attached."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"reason": "Covers for the archivist"}}
    )

    reason: Reason | None = Field(
        default=None, description="Required of administrators who attach to themselves what allows."
    )


class PolicyUpdate(BaseModel):
    """What of a policy is to change; what is left out stays. Another document is another version."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"document": _POLICY_EXAMPLE}}
    )

    name: PolicyName | None = None
    description: Description | None = None
    document: dict[str, Any] | None = None
    version: int | None = Field(
        default=None,
        description="The version the change is based on: if there is another by now, nothing is changed.",
    )
    reason: Reason | None = Field(
        default=None,
        description="Required of administrators for whom themselves the policy holds and would allow.",
    )


class PolicyOut(BaseModel):
    """A policy with what it says now and for whom."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": 4,
                "name": "HR reads",
                "description": "",
                "version": 2,
                "document": _POLICY_EXAMPLE,
                "attached_to": [_PRINCIPAL_EXAMPLE],
                "created_at": "2026-03-02T09:14:00Z",
                "updated_at": "2026-03-09T11:02:00Z",
            }
        }
    )

    id: int
    name: str
    description: str
    version: int
    document: dict[str, Any]
    attached_to: list[PrincipalOut]
    created_at: datetime
    updated_at: datetime


class PolicyVersionOut(BaseModel):
    """What a policy said from some day on."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "number": 1,
                "document": _POLICY_EXAMPLE,
                "created_at": "2026-03-02T09:14:00Z",
                "created_by": "Ada Lovelace",
            }
        }
    )

    number: int
    document: dict[str, Any]
    created_at: datetime
    created_by: str


class CabinetRef(BaseModel):
    """A cabinet by its name, for who administers its access."""

    model_config = ConfigDict(json_schema_extra={"example": {"id": 5, "name": "Legal"}})

    id: int
    name: str


class ResourceOut(BaseModel):
    """A folder or document, where it stands, and whether the caller may manage its access."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "resource": "dms:document:45",
                "name": "Lease.pdf",
                "ancestors": [{"id": 5, "name": "Legal"}, {"id": 12, "name": "Contracts 2026"}],
                "may_manage": True,
            }
        }
    )

    resource: str
    name: str
    ancestors: list[CabinetRef] = Field(description="The folders it stands in, the cabinet first.")
    may_manage: bool


class RuleOut(BaseModel):
    """A rule that speaks of what was asked: where it comes from, for whom, and where it stands."""

    effect: Effect
    principal: PrincipalOut = Field(description="The user, or the group by which the rule holds.")
    resource: str
    stands_on: str | None = Field(description="The name of the folder or document it stands on.")
    grant_id: int | None
    policy_id: int | None
    policy_name: str | None
    statement: int | None = Field(description="The place in the policy, from 0.")
    sid: str | None
    condition: dict[str, Any] | None = Field(description="Of a policy's statement, as written.")
    role: GrantRole | None = Field(description="Of a grant; without one, it names single actions.")
    given_by: str | None = Field(description="Who gave the grant, by name.")
    given_at: datetime | None
    reason: str | None = Field(description="Why an administrator took it.")


_RULE_EXAMPLE: dict[str, Any] = {
    "effect": "deny",
    "principal": {"principal": "group:3", "name": "Interns", "email": None},
    "resource": "dms:folder:12",
    "stands_on": "Contracts 2026",
    "grant_id": 31,
    "policy_id": None,
    "policy_name": None,
    "statement": None,
    "sid": None,
    "condition": None,
    "role": "reader",
    "given_by": "Ada Lovelace",
    "given_at": "2026-03-02T09:14:00Z",
    "reason": None,
}


class ExplanationOut(BaseModel):
    """Whether something is allowed, and why."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "allowed": False,
                "reason": "denied",
                "decided_by": _RULE_EXAMPLE,
                "matched": [_RULE_EXAMPLE],
                "unmet": [],
                "through": {
                    "group:3": [{"principal": "group:8", "name": "Summer interns", "email": None}]
                },
            }
        }
    )

    allowed: bool
    reason: Literal["allowed", "denied", "nothing_matches"]
    decided_by: RuleOut | None
    matched: list[RuleOut] = Field(
        description="All rules that speak of it, those nearest to the resource first."
    )
    unmet: list[RuleOut] = Field(
        description="Rules that would speak of it if their conditions held."
    )
    through: dict[str, list[PrincipalOut]] = Field(
        description=(
            "For the groups by which rules hold: the groups inside them by which the principal belongs to them, "
            "beginning with the one the principal is a member of. Groups it is a member of itself are left out."
        )
    )


class PermittedOut(BaseModel):
    """A user who may do something, and by which rule."""

    user: PrincipalOut
    decided_by: RuleOut


class WhoCanOut(BaseModel):
    """Everybody who may do something."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "total": 1,
                "items": [
                    {
                        "user": _PRINCIPAL_EXAMPLE,
                        "decided_by": {**_RULE_EXAMPLE, "effect": "allow"},
                    }
                ],
            }
        }
    )

    total: int
    items: list[PermittedOut] = Field(description="The first of them, by name.")


class EffectiveOut(BaseModel):
    """What a principal may do to something, action by action."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "principal": _PRINCIPAL_EXAMPLE,
                "actions": [{"action": "dms:document:Read", "allowed": True, "decided_by": None}],
            }
        }
    )

    principal: PrincipalOut
    actions: list["EffectiveAction"]


class EffectiveAction(BaseModel):
    """One action, and the rule that decided it."""

    action: Action
    allowed: bool
    decided_by: RuleOut | None


class SimulationIn(BaseModel):
    """A change that is not made: a policy, as it would be attached, or a grant; or one of them taken away."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "principals": ["group:3"],
                "document": _POLICY_EXAMPLE,
                "action": "dms:document:Read",
            }
        },
    )

    principals: list[PrincipalName] = Field(
        default_factory=list,
        max_length=20,
        description="Whom the policy would be attached to. Of a policy there is, those it is attached to count too.",
    )
    detached: list[PrincipalName] = Field(
        default_factory=list,
        max_length=20,
        description="Whom the policy there is would be attached to no more.",
    )
    policy_id: int | None = Field(
        default=None, description="The policy that would say what `document` says, or be deleted."
    )
    document: dict[str, Any] | None = None
    grant: GrantIn | None = None
    resource: str | None = Field(
        default=None, max_length=60, description="Of the grant: dms:folder:12 or dms:document:45."
    )
    revoke_grant_id: int | None = None
    action: Annotated[str, StringConstraints(max_length=100)] = "dms:document:Read"


class SampleDocument(BaseModel):
    """A document whose access would change, if the caller may read it."""

    id: int
    name: str
    folder_id: int
    folder_name: str


class SampleFolder(BaseModel):
    """A folder whose access would change, if the caller may see it."""

    id: int
    name: str


class SimulatedUser(BaseModel):
    """How a change would be felt by one user: documents as to the action asked about, folders as to listing them."""

    user: PrincipalOut
    concerned_by: list[PrincipalOut] = Field(
        description="The user or groups the change is about, by which it reaches this user."
    )
    gained: int
    lost: int
    gained_sample: list[SampleDocument]
    lost_sample: list[SampleDocument]
    folders_gained: int
    folders_lost: int
    folders_gained_sample: list[SampleFolder]
    folders_lost_sample: list[SampleFolder]


class SimulationOut(BaseModel):
    """How a change would be felt: documents and folders gained and lost, user by user."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "affected_users": 1,
                "is_partial": False,
                "most_counted": 10_000,
                "named": {"dms:folder:12/*": "Contracts 2026"},
                "users": [
                    {
                        "user": _PRINCIPAL_EXAMPLE,
                        "concerned_by": [{"principal": "group:3", "name": "Clerks", "email": None}],
                        "gained": 1,
                        "lost": 0,
                        "gained_sample": [
                            {
                                "id": 45,
                                "name": "Lease.pdf",
                                "folder_id": 12,
                                "folder_name": "Contracts 2026",
                            }
                        ],
                        "lost_sample": [],
                        "folders_gained": 0,
                        "folders_lost": 0,
                        "folders_gained_sample": [],
                        "folders_lost_sample": [],
                    }
                ],
            }
        }
    )

    affected_users: int
    is_partial: bool = Field(description="Whether there are more users than were looked at.")
    most_counted: int = Field(description="No count of documents or folders goes beyond it.")
    users: list[SimulatedUser]
    named: dict[str, str] = Field(
        description="The names of the folders and documents the change is about, by how it writes them."
    )
