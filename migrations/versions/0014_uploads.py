"""Resumable uploads, and what an organisation takes in."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.security import protect

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_table(
        "uploads",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="receiving", nullable=False),
        sa.Column("length", sa.BigInteger()),
        sa.Column("received", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("metadata_header", sa.Text()),
        sa.Column("target", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column(
            "parts", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("writer", sa.Text()),
        sa.Column("document_id", sa.BigInteger()),
        sa.Column("problem", postgresql.JSONB()),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_uploads"),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisations.id"], name="fk_uploads_org_id_organisations"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_uploads_user_id_users"),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["documents.id"],
            name="fk_uploads_document_id_documents",
            ondelete="SET NULL",
        ),
    )
    op.create_index("ix_uploads_expires_at", "uploads", ["org_id", "expires_at"])
    op.create_index("ix_uploads_user_id", "uploads", ["user_id"])
    op.create_index("ix_uploads_document_id", "uploads", ["document_id"])
    protect("uploads")
    op.create_table(
        "upload_limits",
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("quota", sa.BigInteger()),
        sa.Column("largest", sa.BigInteger()),
        sa.Column(
            "allowed", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column(
            "refused", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("counted", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("counted_upto", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("org_id", name="pk_upload_limits"),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisations.id"], name="fk_upload_limits_org_id_organisations"
        ),
    )
    protect("upload_limits")


def downgrade() -> None:
    op.drop_table("upload_limits")
    op.drop_table("uploads")
