"""Groups of users, which nest."""

import sqlalchemy as sa
from alembic import op

from migrations.security import protect

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "groups",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "uq_groups_org_id_lower_name", "groups", ["org_id", sa.text("lower(name)")], unique=True
    )
    op.create_table(
        "group_members",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("member_group_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("num_nonnulls(user_id, member_group_id) = 1", name="one_member"),
        sa.CheckConstraint("member_group_id <> group_id", name="not_itself"),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"]),
        sa.ForeignKeyConstraint(
            ["org_id", "user_id"], ["memberships.org_id", "memberships.user_id"], ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["member_group_id"], ["groups.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_group_members_group_id", "group_members", ["group_id"])
    op.create_index(
        "uq_group_members_user_id", "group_members", ["user_id", "group_id"], unique=True
    )
    op.create_index(
        "uq_group_members_member_group_id",
        "group_members",
        ["member_group_id", "group_id"],
        unique=True,
    )
    protect("groups")
    protect("group_members")


def downgrade() -> None:
    op.drop_table("group_members")
    op.drop_table("groups")
