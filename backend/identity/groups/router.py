"""HTTP of groups."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, status

from backend.core.errors import ForbiddenError, UnauthenticatedError
from backend.core.pagination import Cursor, InvalidCursorError, Limit, Page
from backend.core.problems import problem_responses
from backend.core.web import ActorDep, AdministratorDep, SessionDep
from backend.identity.errors import UserNotFoundError
from backend.identity.groups import service
from backend.identity.groups.errors import (
    GroupCycleError,
    GroupInUseError,
    GroupNameTakenError,
    GroupNotFoundError,
    InvalidPrincipalError,
)
from backend.identity.groups.schemas import (
    GroupCreate,
    GroupDependents,
    GroupMemberOut,
    GroupOut,
    GroupUpdate,
)
from backend.identity.schemas import UserOut

router = APIRouter(
    prefix="/groups", tags=["groups"], responses=problem_responses(UnauthenticatedError)
)

_ONE = (ForbiddenError, GroupNotFoundError)
Principal = Annotated[
    str, Path(max_length=30, description="`user:<id>` or `group:<id>`.", examples=["user:7"])
]
Search = Annotated[str | None, Query(max_length=200, description="Part of the name.")]


@router.get(
    "",
    operation_id="listGroups",
    summary="List the organisation's groups",
    responses=problem_responses(InvalidCursorError),
)
async def list_groups(
    session: SessionDep,
    actor: ActorDep,
    q: Search = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[GroupOut]:
    """Return groups by name. Everybody may know their names, to share with them; administrators also see their size."""
    items, next_cursor = await service.list_groups(
        session, actor, search=q, cursor=cursor, limit=limit
    )
    return Page(items=items, next_cursor=next_cursor)


@router.post(
    "",
    operation_id="createGroup",
    summary="Create a group",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(ForbiddenError, GroupNameTakenError),
)
async def create_group(session: SessionDep, actor: AdministratorDep, body: GroupCreate) -> GroupOut:
    """Create an empty group."""
    return await service.create_group(session, actor, body)


@router.get(
    "/{group_id}",
    operation_id="getGroup",
    summary="Get a group",
    responses=problem_responses(*_ONE),
)
async def get_group(session: SessionDep, actor: AdministratorDep, group_id: int) -> GroupOut:
    """Return a group."""
    return await service.get_group(session, actor, group_id)


@router.patch(
    "/{group_id}",
    operation_id="updateGroup",
    summary="Change a group",
    responses=problem_responses(*_ONE, GroupNameTakenError),
)
async def update_group(
    session: SessionDep, actor: AdministratorDep, group_id: int, body: GroupUpdate
) -> GroupOut:
    """Change name or description; what is left out stays."""
    return await service.update_group(session, actor, group_id, body)


@router.get(
    "/{group_id}/dependents",
    operation_id="listGroupDependents",
    summary="What depends on a group",
    responses=problem_responses(*_ONE),
)
async def list_dependents(
    session: SessionDep, actor: AdministratorDep, group_id: int
) -> GroupDependents:
    """Return what would go with the group if it were deleted."""
    return await service.dependents(session, actor, group_id)


@router.delete(
    "/{group_id}",
    operation_id="deleteGroup",
    summary="Delete a group",
    responses=problem_responses(*_ONE, GroupInUseError),
)
async def delete_group(
    session: SessionDep,
    actor: AdministratorDep,
    group_id: int,
    *,
    with_dependents: Annotated[
        bool, Query(description="Delete what refers to the group too; without it that is refused.")
    ] = False,
) -> GroupDependents:
    """Delete a group and return what went with it. Refused with what depends on it, unless that is to go too."""
    return await service.delete_group(session, actor, group_id, with_dependents=with_dependents)


@router.get(
    "/{group_id}/members",
    operation_id="listGroupMembers",
    summary="List a group's direct members",
    responses=problem_responses(*_ONE, InvalidCursorError),
)
async def list_members(
    session: SessionDep,
    actor: AdministratorDep,
    group_id: int,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[GroupMemberOut]:
    """Return the groups in it, then the users in it, each by name."""
    items, next_cursor = await service.list_members(
        session, actor, group_id, cursor=cursor, limit=limit
    )
    return Page(items=items, next_cursor=next_cursor)


@router.get(
    "/{group_id}/users",
    operation_id="listGroupUsers",
    summary="List who is in a group",
    responses=problem_responses(*_ONE, InvalidCursorError),
)
async def list_users(
    session: SessionDep,
    actor: AdministratorDep,
    group_id: int,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[UserOut]:
    """Return the users who are in it directly or through other groups, by name."""
    items, next_cursor = await service.list_users_within(
        session, actor, group_id, cursor=cursor, limit=limit
    )
    return Page(items=items, next_cursor=next_cursor)


@router.put(
    "/{group_id}/members/{principal}",
    operation_id="addGroupMember",
    summary="Put a user or a group into a group",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(*_ONE, UserNotFoundError, GroupCycleError, InvalidPrincipalError),
)
async def add_member(
    session: SessionDep, actor: AdministratorDep, group_id: int, principal: Principal
) -> None:
    """Add a member; idempotent. A group cannot be put into one that is inside it."""
    await service.add_member(session, actor, group_id, service.parse_member(principal))


@router.delete(
    "/{group_id}/members/{principal}",
    operation_id="removeGroupMember",
    summary="Take a user or a group out of a group",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(*_ONE, InvalidPrincipalError),
)
async def remove_member(
    session: SessionDep, actor: AdministratorDep, group_id: int, principal: Principal
) -> None:
    """Remove a member; idempotent."""
    await service.remove_member(session, actor, group_id, service.parse_member(principal))
