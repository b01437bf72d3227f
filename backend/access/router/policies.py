"""Policies: for administrators."""

from fastapi import APIRouter, status

from backend.access.errors import (
    NameInvalidError,
    PolicyInvalidError,
    PolicyNameTakenError,
    PolicyNotFoundError,
    PrincipalNotFoundError,
    ReasonMissingError,
)
from backend.access.rules import Principal
from backend.access.schemas import (
    AttachIn,
    PolicyIn,
    PolicyOut,
    PolicyUpdate,
    PolicyVersionOut,
)
from backend.access.service import policies
from backend.core.errors import ForbiddenError, StaleError
from backend.core.pagination import Cursor, InvalidCursorError, Limit, Page
from backend.core.problems import problem_responses
from backend.core.web import AdministratorDep, SessionDep

router = APIRouter(prefix="/policies", tags=["access"])


@router.get(
    "",
    operation_id="listPolicies",
    summary="List the policies",
    responses=problem_responses(ForbiddenError, InvalidCursorError),
)
async def list_policies(
    session: SessionDep, actor: AdministratorDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[PolicyOut]:
    """Return policies by name."""
    items, next_cursor = await policies.list_policies(session, actor, cursor=cursor, limit=limit)
    return Page(items=items, next_cursor=next_cursor)


@router.post(
    "",
    operation_id="createPolicy",
    summary="Write a policy",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(ForbiddenError, PolicyInvalidError, PolicyNameTakenError),
)
async def create_policy(session: SessionDep, actor: AdministratorDep, body: PolicyIn) -> PolicyOut:
    """Keep a policy, which holds for nobody until it is attached; faults are told by JSON pointers."""
    return await policies.create_policy(session, actor, body)


@router.get(
    "/{policy_id}",
    operation_id="getPolicy",
    summary="Get a policy",
    responses=problem_responses(ForbiddenError, PolicyNotFoundError),
)
async def get_policy(session: SessionDep, actor: AdministratorDep, policy_id: int) -> PolicyOut:
    """Return what a policy says now, and for whom."""
    return await policies.get_policy(session, actor, policy_id)


@router.patch(
    "/{policy_id}",
    operation_id="updatePolicy",
    summary="Change a policy",
    responses=problem_responses(
        ForbiddenError,
        PolicyNotFoundError,
        PolicyInvalidError,
        PolicyNameTakenError,
        ReasonMissingError,
        StaleError,
    ),
)
async def update_policy(
    session: SessionDep, actor: AdministratorDep, policy_id: int, body: PolicyUpdate
) -> PolicyOut:
    """Change name, description or document. Another document is a new version, in force at once."""
    return await policies.update_policy(session, actor, policy_id, body)


@router.delete(
    "/{policy_id}",
    operation_id="deletePolicy",
    summary="Delete a policy",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(ForbiddenError, PolicyNotFoundError),
)
async def delete_policy(session: SessionDep, actor: AdministratorDep, policy_id: int) -> None:
    """End a policy for all it is attached to."""
    await policies.delete_policy(session, actor, policy_id)


@router.get(
    "/{policy_id}/versions",
    operation_id="listPolicyVersions",
    summary="List what a policy has said",
    responses=problem_responses(ForbiddenError, PolicyNotFoundError),
)
async def list_policy_versions(
    session: SessionDep, actor: AdministratorDep, policy_id: int
) -> list[PolicyVersionOut]:
    """Return versions, newest first."""
    return await policies.list_versions(session, actor, policy_id)


@router.put(
    "/{policy_id}/attachments/{principal}",
    operation_id="attachPolicy",
    summary="Let a policy hold for a user or a group",
    responses=problem_responses(
        ForbiddenError,
        PolicyNotFoundError,
        PrincipalNotFoundError,
        NameInvalidError,
        ReasonMissingError,
    ),
)
async def attach_policy(
    session: SessionDep,
    actor: AdministratorDep,
    policy_id: int,
    principal: str,
    body: AttachIn | None = None,
) -> PolicyOut:
    """Attach it to `user:7` or `group:3`; idempotent."""
    who = Principal.parse(principal)
    reason = None if body is None else body.reason
    return await policies.attach(session, actor, policy_id, who, reason=reason)


@router.delete(
    "/{policy_id}/attachments/{principal}",
    operation_id="detachPolicy",
    summary="Let a policy hold no more for a user or a group",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(ForbiddenError, PolicyNotFoundError, NameInvalidError),
)
async def detach_policy(
    session: SessionDep, actor: AdministratorDep, policy_id: int, principal: str
) -> None:
    """Detach it; idempotent."""
    await policies.detach(session, actor, policy_id, Principal.parse(principal))
