"""Compaction: the level that a blob was last compressed at again, so that no run does it twice."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("blobs", sa.Column("compacted_level", sa.SmallInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("blobs", "compacted_level")
