"""Credentials beside the password: API keys, second factors, passkeys, identities of other providers."""

import secrets

import sqlalchemy as sa
from alembic import op
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy.dialects import postgresql

from migrations.security import grant, protect

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column(
        "organisations",
        sa.Column("second_factor", sa.Text(), server_default="nobody", nullable=False),
    )
    op.add_column("refresh_tokens", sa.Column("second_factor", sa.Text(), nullable=True))
    op.add_column("users", sa.Column("kind", sa.Text(), server_default="person", nullable=False))
    op.alter_column("users", "password_hash", nullable=True)
    op.create_check_constraint("kind", "users", "kind IN ('person', 'machine')")
    op.create_check_constraint(
        "machines_have_no_password", "users", "kind = 'person' OR password_hash IS NULL"
    )
    _api_keys()
    _second_factors()
    op.create_table(
        "external_identities",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        _created_at(),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("issuer", "subject"),
    )
    op.create_index("ix_external_identities_user_id", "external_identities", ["user_id"])
    op.create_table(
        "spent_tickets",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("ix_spent_tickets_expires_at", "spent_tickets", ["expires_at"])
    protect("api_keys")
    for table in (
        "authenticators",
        "external_identities",
        "passkeys",
        "recovery_codes",
        "spent_tickets",
    ):
        grant(table)


def downgrade() -> None:
    for table in (
        "spent_tickets",
        "external_identities",
        "passkeys",
        "recovery_codes",
        "authenticators",
        "api_keys",
    ):
        op.drop_table(table)
    # A password nobody knows, for those who never had one.
    unknown = PasswordHash((Argon2Hasher(),)).hash(secrets.token_urlsafe())
    op.drop_constraint("machines_have_no_password", "users", type_="check")
    op.execute(
        sa.text("UPDATE users SET password_hash = :unknown WHERE password_hash IS NULL").bindparams(
            unknown=unknown
        )
    )
    op.alter_column("users", "password_hash", nullable=False)
    op.drop_constraint("kind", "users", type_="check")
    op.drop_column("users", "kind")
    op.drop_column("refresh_tokens", "second_factor")
    op.drop_column("organisations", "second_factor")


def _created_at() -> sa.Column[object]:
    return sa.Column(
        "created_at",
        sa.DateTime(timezone=True),
        server_default=sa.text("now()"),
        nullable=False,
    )


def _api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=True),
        _created_at(),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"]),
        sa.ForeignKeyConstraint(
            ["org_id", "user_id"], ["memberships.org_id", "memberships.user_id"], ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key_hash"),
    )
    op.create_index("ix_api_keys_org_id_user_id", "api_keys", ["org_id", "user_id"])


def _second_factors() -> None:
    op.create_table(
        "authenticators",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        _created_at(),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id"),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        _created_at(),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code_hash"),
    )
    op.create_index("ix_recovery_codes_user_id", "recovery_codes", ["user_id"])
    op.create_table(
        "passkeys",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("user_handle", sa.LargeBinary(), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("transports", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("is_backed_up", sa.Boolean(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        _created_at(),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("credential_id"),
    )
    op.create_index("ix_passkeys_user_id", "passkeys", ["user_id"])
