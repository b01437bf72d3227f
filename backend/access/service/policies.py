"""Policies: written, versioned, attached. Each change compiles into rules in the transaction that makes it."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.access.errors import PolicyNameTakenError, PolicyNotFoundError, ReasonMissingError
from backend.access.language import parse_policy
from backend.access.models import Policy, PolicyAttachment, PolicyVersion
from backend.access.queries import grants, rules
from backend.access.queries import policies as queries
from backend.access.rules import Effect, Principal, PrincipalKind
from backend.access.schemas import (
    PolicyIn,
    PolicyOut,
    PolicyUpdate,
    PolicyVersionOut,
    PrincipalOut,
)
from backend.access.service.managing import includes, require_principal
from backend.audit import service as audit
from backend.core.actor import Actor
from backend.core.clock import now
from backend.core.errors import StaleError
from backend.core.pagination import decode_cursor, encode_cursor


async def list_policies(
    session: AsyncSession, actor: Actor, *, cursor: str | None, limit: int
) -> tuple[list[PolicyOut], str | None]:
    """Return a page of the organisation's policies by name, and the cursor of the next."""
    after = None if cursor is None else decode_cursor(cursor, str, int)
    rows = await queries.page(
        session,
        actor.org_id,
        after=None if after is None else (after[0], after[1]),
        limit=limit + 1,
    )
    page = rows[:limit]
    shown = await _described(session, actor, [(row[0], row[1]) for row in page])
    if len(rows) <= limit:
        return shown, None
    last = page[-1]
    return shown, encode_cursor(last[2], last[0].id)


async def get_policy(session: AsyncSession, actor: Actor, policy_id: int) -> PolicyOut:
    """Return a policy.

    Raises:
        PolicyNotFoundError: there is none.
    """
    return await _shown(session, actor, await _policy(session, actor, policy_id))


async def list_versions(
    session: AsyncSession, actor: Actor, policy_id: int
) -> list[PolicyVersionOut]:
    """Return what a policy said, newest first."""
    await _policy(session, actor, policy_id)
    return [
        PolicyVersionOut(
            number=version.number,
            document=version.document,
            created_at=version.created_at,
            created_by=author,
        )
        for version, author in await queries.versions(session, policy_id)
    ]


async def create_policy(session: AsyncSession, actor: Actor, wanted: PolicyIn) -> PolicyOut:
    """Write a policy, for nobody yet.

    Raises:
        PolicyInvalidError: the document is none; where and why.
        PolicyNameTakenError: another policy has the name.
    """
    parse_policy(wanted.document)
    policy = Policy(
        org_id=actor.org_id,
        name=wanted.name,
        description=wanted.description,
        current_version=1,
        created_by=actor.user_id,
    )
    async with _unless_name_taken(session):
        session.add(policy)
    await _add_version(session, actor, policy, wanted.document)
    await session.refresh(policy)
    facts = {"name": policy.name, "document": wanted.document}
    await _record(session, actor, "policy.created", policy, facts)
    return await _shown(session, actor, policy)


async def update_policy(
    session: AsyncSession, actor: Actor, policy_id: int, changes: PolicyUpdate
) -> PolicyOut:
    """Change a policy; another document takes effect at once for all it is attached to.

    Raises:
        PolicyNotFoundError, PolicyInvalidError, PolicyNameTakenError: as elsewhere.
        StaleError: the change is based on a version that is not the present one.
        ReasonMissingError: the policy holds for the actor and would allow something, and no reason is given.
    """
    policy = await _policy(session, actor, policy_id)
    if changes.version not in {None, policy.current_version}:
        raise StaleError(
            "The policy says something else since you read it; read it again.",
            version=policy.current_version,
        )
    before = await _facts(session, policy)
    async with _unless_name_taken(session):
        if changes.name is not None:
            policy.name = changes.name
        if changes.description is not None:
            policy.description = changes.description
        policy.updated_at = now()
    if changes.document is not None and changes.document != before["document"]:
        parse_policy(changes.document)
        principals = [one.principal for one in await queries.attachments(session, [policy_id])]
        await _require_reason(session, actor, principals, changes.document, changes.reason)
        policy.current_version = await queries.last_number(session, policy_id) + 1
        await _add_version(session, actor, policy, changes.document)
        await _compile(session, policy)
    await session.refresh(policy)
    after = await _facts(session, policy)
    changed = [name for name in after if after[name] != before[name]]
    await _record(
        session,
        actor,
        "policy.updated",
        policy,
        {
            "old": {name: before[name] for name in changed},
            "new": {name: after[name] for name in changed},
            **_because(changes.reason),
        },
    )
    return await _shown(session, actor, policy)


async def delete_policy(session: AsyncSession, actor: Actor, policy_id: int) -> None:
    """Delete a policy, which ends for all it was attached to."""
    policy = await _policy(session, actor, policy_id)
    facts = await _facts(session, policy)
    attached = [str(one.principal) for one in await queries.attachments(session, [policy_id])]
    await session.delete(policy)
    await session.flush()
    await _record(session, actor, "policy.deleted", policy, {**facts, "attached_to": attached})


async def attach(
    session: AsyncSession,
    actor: Actor,
    policy_id: int,
    principal: Principal,
    *,
    reason: str | None = None,
) -> PolicyOut:
    """Let a policy hold for a user or a group; idempotent.

    Raises:
        PolicyNotFoundError, PrincipalNotFoundError: there is no such policy, user or group.
        ReasonMissingError: the actor would be allowed something by it, and does not say why.
    """
    policy = await _policy(session, actor, policy_id)
    await require_principal(session, actor.org_id, principal)
    attached = await queries.attachments(session, [policy_id])
    if principal not in {one.principal for one in attached}:
        document = await queries.document(session, policy_id, policy.current_version)
        await _require_reason(session, actor, [principal], document, reason)
        attachment = PolicyAttachment(
            org_id=actor.org_id,
            policy_id=policy_id,
            user_id=principal.id if principal.kind is PrincipalKind.USER else None,
            group_id=principal.id if principal.kind is PrincipalKind.GROUP else None,
            created_by=actor.user_id,
        )
        session.add(attachment)
        await session.flush()
        await _compile(session, policy)
        facts = {"name": policy.name, "principal": str(principal)} | _because(reason)
        await _record(session, actor, "policy.attached", policy, facts)
    return await _shown(session, actor, policy)


async def detach(session: AsyncSession, actor: Actor, policy_id: int, principal: Principal) -> None:
    """Let a policy hold no more for a user or a group; idempotent.

    Raises:
        PolicyNotFoundError: there is no such policy.
    """
    policy = await _policy(session, actor, policy_id)
    for one in await queries.attachments(session, [policy_id]):
        if one.principal == principal:
            await session.delete(one)
            await session.flush()
            facts = {"name": policy.name, "principal": str(principal)}
            await _record(session, actor, "policy.detached", policy, facts)


async def _require_reason(
    session: AsyncSession,
    actor: Actor,
    principals: Iterable[Principal],
    document: object,
    reason: str | None,
) -> None:
    """Return unless the actor would be given something without saying why."""
    allows = any(statement.effect is Effect.ALLOW for statement in parse_policy(document))
    if reason is not None or not allows:
        return
    for principal in principals:
        if await includes(session, actor, principal):
            raise ReasonMissingError(
                "The policy would hold for yourself. Say why: the reason is recorded."
            )


def _because(reason: str | None) -> dict[str, str]:
    return {} if reason is None else {"reason": reason}


async def _compile(session: AsyncSession, policy: Policy) -> None:
    """Write the rules of a policy's current version, for all it is attached to, in place of those there were."""
    document = await queries.document(session, policy.id, policy.current_version)
    await rules.delete_rules(session, policy_id=policy.id)
    rows: list[Mapping[str, Any]] = [
        {
            "org_id": policy.org_id,
            "user_id": attachment.user_id,
            "group_id": attachment.group_id,
            "effect": statement.effect,
            "actions": sorted(statement.actions),
            "scope": target.scope,
            "folder_id": target.folder_id,
            "document_id": target.document_id,
            "condition": statement.condition_json,
            "attachment_id": attachment.id,
            "policy_id": policy.id,
            "statement": place,
        }
        for attachment in await queries.attachments(session, [policy.id])
        for place, statement in enumerate(parse_policy(document))
        for target in statement.targets
    ]
    await rules.insert_rules(session, rows)


async def _add_version(
    session: AsyncSession, actor: Actor, policy: Policy, document: dict[str, Any]
) -> None:
    version = PolicyVersion(
        org_id=policy.org_id,
        policy_id=policy.id,
        number=policy.current_version,
        document=document,
        created_by=actor.user_id,
    )
    session.add(version)
    await session.flush()


async def _policy(session: AsyncSession, actor: Actor, policy_id: int) -> Policy:
    policy = await queries.policy(session, actor.org_id, policy_id)
    if policy is None:
        raise PolicyNotFoundError(f"There is no policy {policy_id}.")
    return policy


async def _facts(session: AsyncSession, policy: Policy) -> dict[str, Any]:
    return {
        "name": policy.name,
        "description": policy.description,
        "version": policy.current_version,
        "document": await queries.document(session, policy.id, policy.current_version),
    }


async def _shown(session: AsyncSession, actor: Actor, policy: Policy) -> PolicyOut:
    document = await queries.document(session, policy.id, policy.current_version)
    return (await _described(session, actor, [(policy, document or {})]))[0]


async def _described(
    session: AsyncSession, actor: Actor, found: Sequence[tuple[Policy, dict[str, Any]]]
) -> list[PolicyOut]:
    attached: dict[int, list[Principal]] = {}
    for one in await queries.attachments(session, [policy.id for policy, _ in found]):
        attached.setdefault(one.policy_id, []).append(one.principal)
    everybody = [principal for many in attached.values() for principal in many]
    names = await principals_out(session, actor, everybody)
    return [
        PolicyOut(
            id=policy.id,
            name=policy.name,
            description=policy.description,
            version=policy.current_version,
            document=document,
            attached_to=[names[principal] for principal in attached.get(policy.id, [])],
            created_at=policy.created_at,
            updated_at=policy.updated_at,
        )
        for policy, document in found
    ]


async def principals_out(
    session: AsyncSession, actor: Actor, principals: Iterable[Principal]
) -> dict[Principal, PrincipalOut]:
    """Return the wire shapes of those of the principals that there are."""
    found = await grants.names(session, actor.org_id, principals)
    return {
        principal: PrincipalOut(principal=str(principal), name=name, email=email)
        for principal, (name, email) in found.items()
    }


@asynccontextmanager
async def _unless_name_taken(session: AsyncSession) -> AsyncIterator[None]:
    try:
        async with session.begin_nested():
            yield
            await session.flush()
    except IntegrityError as error:
        if "uq_policies_org_id_lower_name" not in str(error.orig):
            raise
        raise PolicyNameTakenError("Another policy has this name.") from error


async def _record(
    session: AsyncSession, actor: Actor, action: str, policy: Policy, data: dict[str, Any]
) -> None:
    deed = audit.Deed(action, f"policy:{policy.id}", data)
    await audit.record(session, [deed], org_id=actor.org_id, actor_id=actor.user_id)
