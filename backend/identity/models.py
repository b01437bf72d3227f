"""Tables of identity."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    LargeBinary,
    Text,
    text,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.actor import Role
from backend.core.db import Base, EnumText, created_at_column, org_id_column
from backend.notifications.mail import Language


class RequiredOf(StrEnum):
    """Of whom an organisation asks for a second factor, beside those who have one anyway."""

    NOBODY = "nobody"
    ADMINISTRATORS = "administrators"
    EVERYBODY = "everybody"


class UserKind(StrEnum):
    """Who signs in: a person, or a program with keys and nothing else."""

    PERSON = "person"
    MACHINE = "machine"


class Organisation(Base):
    """A tenant. Global."""

    __tablename__ = "organisations"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    second_factor: Mapped[RequiredOf] = mapped_column(
        EnumText(RequiredOf), server_default=RequiredOf.NOBODY
    )
    created_at: Mapped[datetime] = created_at_column()

    @property
    def namespace(self) -> str:
        """The organisation's namespace in the store: deduplication and storage keys end at it."""
        return store_namespace(self.id)


_NAMESPACE = "org-"


def store_namespace(org_id: int) -> str:
    """Return the store namespace of an organisation."""
    return f"{_NAMESPACE}{org_id}"


def organisation_of(namespace: str) -> int:
    """Return the id of the organisation that a store namespace belongs to."""
    return int(namespace.removeprefix(_NAMESPACE))


class User(Base):
    """A person, known by e-mail address. Global: one person may belong to several organisations."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("kind IN ('person', 'machine')", name="kind"),
        CheckConstraint(
            "kind = 'person' OR password_hash IS NULL", name="machines_have_no_password"
        ),
        Index("uq_users_lower_email", text("lower(email)"), unique=True),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    email: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    # Null where the password is a directory's or an identity provider's to know, and for machines.
    password_hash: Mapped[str | None] = mapped_column(Text)
    kind: Mapped[UserKind] = mapped_column(EnumText(UserKind), server_default=UserKind.PERSON)
    created_at: Mapped[datetime] = created_at_column()


class Membership(Base):
    """A user in an organisation, with the role held there."""

    __tablename__ = "memberships"

    org_id: Mapped[int] = mapped_column(ForeignKey("organisations.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    role: Mapped[Role] = mapped_column(EnumText(Role))
    is_active: Mapped[bool] = mapped_column(Boolean, server_default=true())
    created_at: Mapped[datetime] = created_at_column()


class Group(Base):
    """Users and other groups of an organisation under one name, to whom rights can be given together."""

    __tablename__ = "groups"
    __table_args__ = (
        Index("uq_groups_org_id_lower_name", "org_id", text("lower(name)"), unique=True),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    org_id: Mapped[int] = org_id_column()
    name: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, server_default="")
    created_at: Mapped[datetime] = created_at_column()


class GroupMember(Base):
    """One member of a group: a user of the organisation, or another group whose members are members too."""

    __tablename__ = "group_members"
    __table_args__ = (
        CheckConstraint("num_nonnulls(user_id, member_group_id) = 1", name="one_member"),
        CheckConstraint("member_group_id <> group_id", name="not_itself"),
        ForeignKeyConstraint(
            ["org_id", "user_id"], ["memberships.org_id", "memberships.user_id"], ondelete="CASCADE"
        ),
        Index("uq_group_members_user_id", "user_id", "group_id", unique=True),
        Index("uq_group_members_member_group_id", "member_group_id", "group_id", unique=True),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    org_id: Mapped[int] = org_id_column()
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[int | None]
    member_group_id: Mapped[int | None] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = created_at_column()


class RefreshToken(Base):
    """One refresh token of a session. Rotation replaces it; a second use of a replaced one ends the session."""

    __tablename__ = "refresh_tokens"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    org_id: Mapped[int] = org_id_column()
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    session_id: Mapped[str] = mapped_column(Text, index=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    # When the session began (null in tokens older than this column), and where it was carried on from.
    started_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    address: Mapped[str | None] = mapped_column(Text)
    user_agent: Mapped[str | None] = mapped_column(Text)
    # What served as the second factor when the session began, if anything did.
    second_factor: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = created_at_column()
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    # When the session ends however often it is carried on: whoever vouched for the user is to be asked again.
    ends_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    replaced_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class SpentTicket(Base):
    """A ticket that is good once and was used. Global: most are used before anyone is known."""

    __tablename__ = "spent_tickets"

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)


class Invitation(Base):
    """Somebody who was asked, by e-mail, to join an organisation.

    The link's secret is made of `nonce` and a key when the mail is sent; kept is only what it is compared with.
    """

    __tablename__ = "invitations"
    __table_args__ = (
        Index(
            "uq_invitations_open",
            "org_id",
            text("lower(email)"),
            unique=True,
            postgresql_where=text("accepted_at IS NULL AND revoked_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    org_id: Mapped[int] = org_id_column()
    email: Mapped[str] = mapped_column(Text)
    role: Mapped[Role] = mapped_column(EnumText(Role))
    language: Mapped[Language] = mapped_column(EnumText(Language))
    nonce: Mapped[bytes] = mapped_column(LargeBinary)
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    invited_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = created_at_column()
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    sent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    accepted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    accepted_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class InvitationGroup(Base):
    """A group that the invited will be a member of."""

    __tablename__ = "invitation_groups"

    invitation_id: Mapped[int] = mapped_column(
        ForeignKey("invitations.id", ondelete="CASCADE"), primary_key=True
    )
    group_id: Mapped[int] = mapped_column(
        ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    org_id: Mapped[int] = org_id_column()


class PasswordReset(Base):
    """A link by which a user who forgot the password sets a new one. Global, as users are.

    The link's secret is made as that of an invitation.
    """

    __tablename__ = "password_resets"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    language: Mapped[Language] = mapped_column(EnumText(Language))
    nonce: Mapped[bytes] = mapped_column(LargeBinary)
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[datetime] = created_at_column()
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class LoginThrottle(Base):
    """Failed sign-ins in a row, per account and address and per address. Global: asked before anyone is known.

    The key is a keyed hash (`tokens.TokenSigner.fingerprint`): the table names neither addresses nor accounts.
    """

    __tablename__ = "login_throttles"

    key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    failures: Mapped[int]
    last_failed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
