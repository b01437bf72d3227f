"""What stands where on the pages that an office document was converted to: its hits are marked there."""

import sqlalchemy as sa
from alembic import op

from migrations.security import protect

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.create_table(
        "shown_pages",
        sa.Column("version_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("page", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("width", sa.Double(), nullable=True),
        sa.Column("height", sa.Double(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("words", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisations.id"], name=op.f("fk_shown_pages_org_id")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["versions.id"],
            name=op.f("fk_shown_pages_version_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("version_id", "page", name=op.f("pk_shown_pages")),
    )
    # They are compressed already: PostgreSQL need not try.
    op.execute("ALTER TABLE shown_pages ALTER COLUMN words SET STORAGE EXTERNAL")
    protect("shown_pages")


def downgrade() -> None:
    op.drop_table("shown_pages")
