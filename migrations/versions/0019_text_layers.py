"""Text layers: what stands where on the pages of a version, read by machines and corrected by people."""

import sqlalchemy as sa
from alembic import op

from migrations.security import protect

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    _create_layers()
    _create_pages()
    op.create_table(
        "text_settings",
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("languages", sa.ARRAY(sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisations.id"], name=op.f("fk_text_settings_org_id")
        ),
        sa.PrimaryKeyConstraint("org_id", name=op.f("pk_text_settings")),
    )
    protect("text_settings")


def _create_layers() -> None:
    op.create_table(
        "text_layers",
        sa.Column("version_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("created_by", sa.BigInteger(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("languages", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("engine", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("is_forced", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("restored_from", sa.Integer(), nullable=True),
        sa.Column("is_whole", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("beyond", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("page_count", sa.Integer(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("truncated", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("detail", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_text_layers_created_by")
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisations.id"], name=op.f("fk_text_layers_org_id")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["versions.id"],
            name=op.f("fk_text_layers_version_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("version_id", "number", name=op.f("pk_text_layers")),
    )
    protect("text_layers")


def _create_pages() -> None:
    op.create_table(
        "text_pages",
        sa.Column("version_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("page", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("layer", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("engine", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("width", sa.Double(), nullable=True),
        sa.Column("height", sa.Double(), nullable=True),
        sa.Column("rotation", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "read_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("words", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisations.id"], name=op.f("fk_text_pages_org_id")
        ),
        sa.ForeignKeyConstraint(
            ["version_id", "layer"],
            ["text_layers.version_id", "text_layers.number"],
            name=op.f("fk_text_pages_version_id_layer"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("version_id", "page", "layer", name=op.f("pk_text_pages")),
    )
    # They are compressed already: PostgreSQL need not try.
    op.execute("ALTER TABLE text_pages ALTER COLUMN words SET STORAGE EXTERNAL")
    op.create_index(
        "ix_text_pages_waiting",
        "text_pages",
        ["version_id", "layer", "page"],
        postgresql_where=sa.text("status = 'waiting'"),
    )
    protect("text_pages")


def downgrade() -> None:
    for table in ("text_settings", "text_pages", "text_layers"):
        op.drop_table(table)
