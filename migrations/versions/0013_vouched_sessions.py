"""Sessions that end, however often they are carried on, when whoever vouched for the user is to be asked again."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("refresh_tokens", sa.Column("ends_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("refresh_tokens", "ends_at")
