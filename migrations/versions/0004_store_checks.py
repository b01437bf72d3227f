"""Verification: checks of the store, and the faults they found."""

import sqlalchemy as sa
from alembic import op

from migrations.security import application_role, grant, protect

revision = "0004"
down_revision = "0003"

COUNTS = (
    "blobs",
    "opened",
    "read_bytes",
    "damaged",
    "repaired",
    "wrong_sizes",
    "orphans",
    "orphan_bytes",
)


def upgrade() -> None:
    op.create_table(
        "store_checks",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("sample_ppm", sa.Integer(), nullable=True),
        sa.Column("sample_seed", sa.BigInteger(), nullable=True),
        sa.Column("planned_bytes", sa.BigInteger(), nullable=True),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cursor_org_id", sa.BigInteger(), nullable=True),
        sa.Column("cursor_digest", sa.LargeBinary(), nullable=True),
        *(
            sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)
            for name in COUNTS
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_store_checks")),
    )
    op.create_index("ix_store_checks_trigger", "store_checks", ["trigger", "id"], unique=False)
    grant("store_checks")
    _create_faults()


def _create_faults() -> None:
    op.create_table(
        "store_faults",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("fault", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column(
            "found_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "last_seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisations.id"], name=op.f("fk_store_faults_org_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_store_faults")),
    )
    op.create_index(
        "uq_store_faults_open",
        "store_faults",
        ["org_id", "digest"],
        unique=True,
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_index(
        "ix_store_faults_newest",
        "store_faults",
        ["org_id", sa.literal_column("id DESC")],
        unique=False,
    )
    protect("store_faults")
    # The metrics count the faults of all organisations, whose rows no single transaction may see. Counts alone get out.
    op.execute(
        "CREATE FUNCTION dms_open_store_faults() RETURNS TABLE (fault text, open bigint) "
        "LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$ "
        "SELECT f.fault, count(*) FROM public.store_faults AS f WHERE f.resolved_at IS NULL GROUP BY f.fault $$"
    )
    op.execute("REVOKE EXECUTE ON FUNCTION dms_open_store_faults() FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION dms_open_store_faults() TO {application_role()}")


def downgrade() -> None:
    op.execute("DROP FUNCTION dms_open_store_faults()")
    op.drop_index("ix_store_faults_newest", table_name="store_faults")
    op.drop_index(
        "uq_store_faults_open",
        table_name="store_faults",
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.drop_table("store_faults")
    op.drop_index("ix_store_checks_trigger", table_name="store_checks")
    op.drop_table("store_checks")
