"""Looks at ways in: places of any length."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.drop_index("ix_intake_items_place", "intake_items")
    # Places may be longer than an index takes.
    op.create_index(
        "ix_intake_items_place",
        "intake_items",
        ["source_id", sa.literal_column("hashtext(place)")],
    )


def downgrade() -> None:
    op.drop_index("ix_intake_items_place", "intake_items")
    # What is longer than an index takes is known by its key all the same.
    op.execute("UPDATE intake_items SET place = left(place, 500) WHERE length(place) > 500")
    op.create_index("ix_intake_items_place", "intake_items", ["source_id", "place"])
