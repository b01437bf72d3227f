"""Collection: since when nobody refers to a blob, what holds collection off, and the trail of what was destroyed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.security import grant, protect

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("blobs", sa.Column("marked_at", sa.DateTime(timezone=True), nullable=True))
    # Empty until the first collection: the index is made in no time, whatever the size of the table's rows.
    op.create_index(
        "ix_blobs_marked",
        "blobs",
        ["org_id", "marked_at", "id"],
        unique=False,
        postgresql_where=sa.text("marked_at IS NOT NULL"),
    )
    op.create_table(
        "store_pins",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_store_pins")),
    )
    grant("store_pins")
    op.create_table(
        "audit_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisations.id"], name=op.f("fk_audit_events_org_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_events")),
    )
    # What was recorded is neither changed nor removed by the application.
    protect("audit_events", privileges="SELECT, INSERT")


def downgrade() -> None:
    op.drop_table("audit_events")
    op.drop_table("store_pins")
    op.drop_index("ix_blobs_marked", table_name="blobs")
    op.drop_column("blobs", "marked_at")
