"""Imports of directories: where each goes, and the journal of what was filed."""

import sqlalchemy as sa
from alembic import op

from migrations.security import protect

revision = "0022"
down_revision = "0021"

_NOW = sa.text("now()")


def upgrade() -> None:
    op.create_table(
        "imports",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("folder_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"], name="fk_imports_org_id"),
        sa.ForeignKeyConstraint(
            ["folder_id"], ["folders.id"], name="fk_imports_folder_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_imports"),
        sa.UniqueConstraint(
            "folder_id", "source_digest", name="uq_imports_folder_id_source_digest"
        ),
    )
    protect("imports")
    op.create_table(
        "imported_files",
        sa.Column("import_id", sa.BigInteger(), nullable=False),
        sa.Column("path_digest", sa.LargeBinary(), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary()),
        sa.Column("document_id", sa.BigInteger()),
        sa.Column("filed_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name="fk_imported_files_import_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"], name="fk_imported_files_org_id"),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["documents.id"],
            name="fk_imported_files_document_id",
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("import_id", "path_digest", name="pk_imported_files"),
    )
    op.create_index("ix_imported_files_document_id", "imported_files", ["document_id"])
    protect("imported_files")


def downgrade() -> None:
    op.drop_table("imported_files")
    op.drop_table("imports")
