"""Tables of access: grants and policies, and the rules both compile into (docs/adr/0015-access.md)."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.access.roles import GrantRole
from backend.access.rules import Effect, Principal, PrincipalKind, Scope
from backend.core.db import Base, EnumText, created_at_column, org_id_column

_EFFECTS = "effect IN ('allow', 'deny')"
_ONE_PRINCIPAL = "num_nonnulls(user_id, group_id) = 1"


def _membership() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["org_id", "user_id"], ["memberships.org_id", "memberships.user_id"], ondelete="CASCADE"
    )


def _group_id_column() -> Mapped[int | None]:
    return mapped_column(ForeignKey("groups.id", ondelete="CASCADE"), index=True)


class _HasPrincipal:
    """A row about a user or about a group."""

    user_id: Any
    group_id: Any

    @property
    def principal(self) -> Principal:
        """Whom the row is about."""
        if self.user_id is not None:
            return Principal(PrincipalKind.USER, self.user_id)
        return Principal(PrincipalKind.GROUP, self.group_id)


class Grant(_HasPrincipal, Base):
    """What one principal is allowed, or denied, on one folder with all below it, or on one document."""

    __tablename__ = "grants"
    __table_args__ = (
        CheckConstraint(_EFFECTS, name="effect"),
        CheckConstraint(_ONE_PRINCIPAL, name="one_principal"),
        CheckConstraint("num_nonnulls(folder_id, document_id) = 1", name="one_resource"),
        CheckConstraint("num_nonnulls(role, actions) = 1", name="role_or_actions"),
        _membership(),
        # One of each effect for each principal on each resource: granting again replaces.
        Index(
            "uq_grants_one_each",
            text("coalesce(folder_id, 0)"),
            text("coalesce(document_id, 0)"),
            text("coalesce(user_id, 0)"),
            text("coalesce(group_id, 0)"),
            "effect",
            unique=True,
        ),
        Index("ix_grants_document_id", "document_id"),
        Index("ix_grants_user_id", "org_id", "user_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    org_id: Mapped[int] = org_id_column()
    folder_id: Mapped[int | None] = mapped_column(ForeignKey("folders.id", ondelete="CASCADE"))
    document_id: Mapped[int | None] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"))
    user_id: Mapped[int | None]
    group_id: Mapped[int | None] = _group_id_column()
    effect: Mapped[Effect] = mapped_column(EnumText(Effect))
    role: Mapped[GrantRole | None] = mapped_column(EnumText(GrantRole))
    actions: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    """The actions, where they are no role's."""
    reason: Mapped[str | None] = mapped_column(Text)
    """Why an administrator took what was not given (break-glass)."""
    created_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = created_at_column()


class Policy(Base):
    """A policy by name; what it says is its current version."""

    __tablename__ = "policies"
    __table_args__ = (
        Index("uq_policies_org_id_lower_name", "org_id", text("lower(name)"), unique=True),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    org_id: Mapped[int] = org_id_column()
    name: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, server_default="")
    current_version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    created_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = created_at_column()
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class PolicyVersion(Base):
    """What a policy said from some day on. Added and read, never changed."""

    __tablename__ = "policy_versions"
    __table_args__ = (UniqueConstraint("policy_id", "number"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    org_id: Mapped[int] = org_id_column()
    policy_id: Mapped[int] = mapped_column(ForeignKey("policies.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    document: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = created_at_column()


class PolicyAttachment(_HasPrincipal, Base):
    """A principal a policy holds for."""

    __tablename__ = "policy_attachments"
    __table_args__ = (
        CheckConstraint(_ONE_PRINCIPAL, name="one_principal"),
        _membership(),
        Index(
            "uq_policy_attachments_once",
            "policy_id",
            text("coalesce(user_id, 0)"),
            text("coalesce(group_id, 0)"),
            unique=True,
        ),
        Index("ix_policy_attachments_user_id", "org_id", "user_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    org_id: Mapped[int] = org_id_column()
    policy_id: Mapped[int] = mapped_column(ForeignKey("policies.id", ondelete="CASCADE"))
    user_id: Mapped[int | None]
    group_id: Mapped[int | None] = _group_id_column()
    created_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = created_at_column()


class AccessRule(_HasPrincipal, Base):
    """What decides: written in the transaction that changed the grant or policy it was compiled from.

    The folder and document a policy names need not exist, so these are no foreign keys.
    """

    __tablename__ = "access_rules"
    __table_args__ = (
        CheckConstraint(_EFFECTS, name="effect"),
        CheckConstraint(_ONE_PRINCIPAL, name="one_principal"),
        CheckConstraint("num_nonnulls(grant_id, attachment_id) = 1", name="one_source"),
        _membership(),
        Index("ix_access_rules_user_id", "org_id", "user_id"),
        Index("ix_access_rules_folder_id", "org_id", "folder_id"),
        Index("ix_access_rules_document_id", "org_id", "document_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    org_id: Mapped[int] = org_id_column()
    user_id: Mapped[int | None]
    group_id: Mapped[int | None] = _group_id_column()
    effect: Mapped[Effect] = mapped_column(EnumText(Effect))
    actions: Mapped[list[str]] = mapped_column(ARRAY(Text))
    scope: Mapped[Scope] = mapped_column(EnumText(Scope))
    folder_id: Mapped[int | None]
    document_id: Mapped[int | None]
    condition: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    grant_id: Mapped[int | None] = mapped_column(
        ForeignKey("grants.id", ondelete="CASCADE"), index=True
    )
    attachment_id: Mapped[int | None] = mapped_column(
        ForeignKey("policy_attachments.id", ondelete="CASCADE"), index=True
    )
    policy_id: Mapped[int | None] = mapped_column(
        ForeignKey("policies.id", ondelete="CASCADE"), index=True
    )
    statement: Mapped[int | None] = mapped_column(Integer)
