"""Ways in: sources, their journal, the rules."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.security import application_role, protect

revision = "0021"
down_revision = "0020"

# Whoever receives a letter asks where it goes before any organisation is known.
_FIND = """
CREATE FUNCTION dms_intake_address(asked text) RETURNS TABLE (org_id bigint, source_id bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT s.org_id, s.id FROM public.intake_sources s
    WHERE s.kind = 'smtp' AND s.enabled AND lower(s.settings ->> 'address') = lower(asked)
$$
"""
# Those who look are told where there is something to look at, instead of asking every organisation.
_DUE = """
CREATE FUNCTION dms_intake_due() RETURNS SETOF bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT DISTINCT s.org_id FROM public.intake_sources s WHERE s.enabled AND s.due_at <= now()
$$
"""
_FUNCTIONS = {"dms_intake_address(text)": _FIND, "dms_intake_due()": _DUE}


def upgrade() -> None:
    _create_sources()
    _create_items()
    op.create_table(
        "intake_rules",
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("last_id", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("rules", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"]),
        sa.PrimaryKeyConstraint("org_id"),
    )
    for table in ("intake_sources", "intake_items", "intake_rules"):
        protect(table)
    for function, statement in _FUNCTIONS.items():
        op.execute(statement)
        op.execute(f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {application_role()}")


def _create_sources() -> None:
    op.create_table(
        "intake_sources",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("folder_id", sa.BigInteger(), nullable=True),
        sa.Column("acts_as", sa.BigInteger(), nullable=False),
        sa.Column("keeps", sa.Text(), nullable=True),
        sa.Column("settings", postgresql.JSONB(), nullable=False),
        sa.Column("sealed_password", sa.LargeBinary(), nullable=True),
        *(
            sa.Column(name, sa.DateTime(timezone=True), nullable=True)
            for name in ("due_at", "lease_until", "last_run_at")
        ),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("filed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("refused", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("revision", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.Column("created_by", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"]),
        sa.ForeignKeyConstraint(["folder_id"], ["folders.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["acts_as"], ["users.id"]),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_intake_sources_due",
        "intake_sources",
        ["due_at"],
        postgresql_where=sa.text("enabled"),
    )
    op.create_index(
        "uq_intake_sources_address",
        "intake_sources",
        [sa.literal_column("lower(settings ->> 'address')")],
        unique=True,
        postgresql_where=sa.text("kind = 'smtp'"),
    )


def _create_items() -> None:
    op.create_table(
        "intake_items",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("parts", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("document_id", sa.BigInteger(), nullable=True),
        sa.Column("version_id", sa.BigInteger(), nullable=True),
        sa.Column("document_revision", sa.Integer(), nullable=True),
        sa.Column(
            "rules", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("facts", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("awaits_text", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"]),
        sa.ForeignKeyConstraint(["source_id"], ["intake_sources.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source_id", "key"),
    )
    op.create_index(
        "ix_intake_items_newest", "intake_items", ["org_id", sa.literal_column("id DESC")]
    )
    op.create_index(
        "ix_intake_items_by_state",
        "intake_items",
        ["org_id", "state", sa.literal_column("id DESC")],
    )
    op.create_index("ix_intake_items_place", "intake_items", ["source_id", "place"])
    op.create_index("ix_intake_items_version_id", "intake_items", ["version_id"])
    op.create_index("ix_intake_items_document_id", "intake_items", ["document_id"])


def downgrade() -> None:
    for function in _FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    for table in ("intake_rules", "intake_items", "intake_sources"):
        op.drop_table(table)
