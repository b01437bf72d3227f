"""Previews: the pages of versions, and their pictures."""

import sqlalchemy as sa
from alembic import op

from migrations.security import protect

revision = "0020"
down_revision = "0019"


def _progress() -> list[sa.Column[object]]:
    """Columns of what is handed to a queue and drawn under a lease."""
    return [
        sa.Column(
            "queued_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
    ]


def upgrade() -> None:
    op.create_table(
        "previews",
        sa.Column("version_id", sa.BigInteger(), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("page_count", sa.Integer(), nullable=True),
        sa.Column("sheet_sizes", sa.ARRAY(sa.Integer()), nullable=True),
        sa.Column("pdf_blob_id", sa.BigInteger(), nullable=True),
        *_progress(),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"]),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["pdf_blob_id"], ["blobs.id"]),
        sa.PrimaryKeyConstraint("version_id"),
    )
    op.create_index("ix_previews_pdf_blob_id", "previews", ["pdf_blob_id"])
    op.create_index(
        "ix_previews_waiting",
        "previews",
        ["org_id", "queued_at"],
        postgresql_where=sa.text("status IN ('pending', 'drawing')"),
    )
    op.create_table(
        "page_pictures",
        sa.Column("version_id", sa.BigInteger(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("size", sa.Text(), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("blob_id", sa.BigInteger(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        *_progress(),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"]),
        sa.ForeignKeyConstraint(["version_id"], ["previews.version_id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["blob_id"], ["blobs.id"]),
        sa.PrimaryKeyConstraint("version_id", "page", "size"),
    )
    op.create_index("ix_page_pictures_blob_id", "page_pictures", ["blob_id"])
    op.create_index(
        "ix_page_pictures_waiting",
        "page_pictures",
        ["org_id", "queued_at"],
        postgresql_where=sa.text("status = 'pending'"),
    )
    for table in ("previews", "page_pictures"):
        protect(table)


def downgrade() -> None:
    op.drop_table("page_pictures")
    op.drop_table("previews")
