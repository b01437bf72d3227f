"""Jobs that failed, and how far reading a version has come."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.security import application_role, protect

revision = "0017"
down_revision = "0016"

_NOW = sa.text("now()")


def upgrade() -> None:
    op.create_table(
        "failed_jobs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger()),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("arguments", postgresql.JSONB(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column(
            "first_failed_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False
        ),
        sa.Column(
            "last_failed_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False
        ),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.Column("decided_by", sa.BigInteger()),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"], name="fk_failed_jobs_org_id"),
        sa.ForeignKeyConstraint(["decided_by"], ["users.id"], name="fk_failed_jobs_decided_by"),
        sa.PrimaryKeyConstraint("id", name="pk_failed_jobs"),
    )
    op.create_index(
        "uq_failed_jobs_open",
        "failed_jobs",
        ["task", "fingerprint"],
        unique=True,
        postgresql_where=sa.text("state IN ('failed', 'running_again')"),
    )
    op.create_index(
        "ix_failed_jobs_newest", "failed_jobs", ["org_id", "state", sa.literal_column("id DESC")]
    )
    _protect_jobs()
    _create_progress()
    op.add_column("outbox", sa.Column("done_at", sa.DateTime(timezone=True)))
    op.execute("UPDATE outbox SET done_at = sent_at WHERE sent_at IS NOT NULL")
    op.create_index(
        "ix_outbox_undone",
        "outbox",
        ["sent_at"],
        postgresql_where=sa.text("done_at IS NULL AND sent_at IS NOT NULL"),
    )


def _protect_jobs() -> None:
    """Show an organisation its own jobs, and those of the installation, which belong to none."""
    protect("failed_jobs")
    op.execute(
        "CREATE POLICY installation ON failed_jobs USING (org_id IS NULL) WITH CHECK (org_id IS NULL)"
    )
    op.execute(
        "CREATE FUNCTION dms_failed_jobs() RETURNS TABLE (failure text, failed bigint) "
        "LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$ "
        "SELECT j.failure, count(*) FROM public.failed_jobs AS j WHERE j.state = 'failed' GROUP BY j.failure $$"
    )
    op.execute("REVOKE EXECUTE ON FUNCTION dms_failed_jobs() FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION dms_failed_jobs() TO {application_role()}")


def _create_progress() -> None:
    op.create_table(
        "version_progress",
        sa.Column("version_id", sa.BigInteger(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer()),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["versions.id"],
            name="fk_version_progress_version_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisations.id"], name="fk_version_progress_org_id"
        ),
        sa.PrimaryKeyConstraint("version_id", "stage", name="pk_version_progress"),
    )
    protect("version_progress")


def downgrade() -> None:
    op.drop_index("ix_outbox_undone", table_name="outbox")
    op.drop_column("outbox", "done_at")
    op.drop_table("version_progress")
    op.execute("DROP FUNCTION dms_failed_jobs()")
    op.drop_table("failed_jobs")
