"""Access: grants and policies in place of the members of cabinets, and the rules both compile into."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.security import protect

revision = "0011"
down_revision = "0010"

# As they are when this migration is written: what roles mean later is no business of it.
READER = ("dms:folder:List", "dms:document:Read")
EDITOR = (
    *READER,
    "dms:folder:Create",
    "dms:document:Create",
    "dms:folder:Update",
    "dms:folder:Move",
    "dms:folder:Delete",
    "dms:folder:Restore",
    "dms:document:Update",
    "dms:document:Move",
    "dms:document:Delete",
    "dms:document:Restore",
    "dms:document:Lock",
)
MANAGER = (
    *EDITOR,
    "dms:cabinet:Delete",
    "dms:folder:Purge",
    "dms:document:Purge",
    "dms:access:Manage",
)
ROLES = {"reader": READER, "editor": EDITOR, "manager": MANAGER}
EFFECT = "effect IN ('allow', 'deny')"
ONE_PRINCIPAL = "num_nonnulls(user_id, group_id) = 1"


def upgrade() -> None:
    _create_grants()
    _create_policies()
    _create_rules()
    _carry_over()
    op.drop_index("ix_cabinet_members_user_id", table_name="cabinet_members")
    op.drop_table("cabinet_members")


def _identity() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False)


def _org_id() -> sa.Column[int]:
    return sa.Column("org_id", sa.BigInteger(), nullable=False)


def _created_at(name: str = "created_at") -> sa.Column[object]:
    return sa.Column(
        name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
    )


def _references(*, created_by: bool = True) -> list[sa.ForeignKeyConstraint]:
    authors = [sa.ForeignKeyConstraint(["created_by"], ["users.id"])] if created_by else []
    return [sa.ForeignKeyConstraint(["org_id"], ["organisations.id"]), *authors]


def _principal() -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint(
            ["org_id", "user_id"], ["memberships.org_id", "memberships.user_id"], ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], ondelete="CASCADE"),
    ]


def _create_grants() -> None:
    op.create_table(
        "grants",
        _identity(),
        _org_id(),
        sa.Column("folder_id", sa.BigInteger(), nullable=True),
        sa.Column("document_id", sa.BigInteger(), nullable=True),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("group_id", sa.BigInteger(), nullable=True),
        sa.Column("effect", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("actions", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_by", sa.BigInteger(), nullable=False),
        _created_at(),
        sa.CheckConstraint(EFFECT, name="effect"),
        sa.CheckConstraint(ONE_PRINCIPAL, name="one_principal"),
        sa.CheckConstraint("num_nonnulls(folder_id, document_id) = 1", name="one_resource"),
        sa.CheckConstraint("num_nonnulls(role, actions) = 1", name="role_or_actions"),
        sa.ForeignKeyConstraint(["folder_id"], ["folders.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], ondelete="CASCADE"),
        *_references(),
        *_principal(),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "uq_grants_one_each",
        "grants",
        [
            sa.text("coalesce(folder_id, 0)"),
            sa.text("coalesce(document_id, 0)"),
            sa.text("coalesce(user_id, 0)"),
            sa.text("coalesce(group_id, 0)"),
            "effect",
        ],
        unique=True,
    )
    op.create_index("ix_grants_document_id", "grants", ["document_id"])
    op.create_index("ix_grants_group_id", "grants", ["group_id"])
    op.create_index("ix_grants_user_id", "grants", ["org_id", "user_id"])
    protect("grants")


def _create_policies() -> None:
    op.create_table(
        "policies",
        _identity(),
        _org_id(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("current_version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_by", sa.BigInteger(), nullable=False),
        _created_at(),
        _created_at("updated_at"),
        *_references(),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "uq_policies_org_id_lower_name",
        "policies",
        ["org_id", sa.text("lower(name)")],
        unique=True,
    )
    op.create_table(
        "policy_versions",
        _identity(),
        _org_id(),
        sa.Column("policy_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("document", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_by", sa.BigInteger(), nullable=False),
        _created_at(),
        *_references(),
        sa.ForeignKeyConstraint(["policy_id"], ["policies.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("policy_id", "number"),
    )
    op.create_table(
        "policy_attachments",
        _identity(),
        _org_id(),
        sa.Column("policy_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("group_id", sa.BigInteger(), nullable=True),
        sa.Column("created_by", sa.BigInteger(), nullable=False),
        _created_at(),
        sa.CheckConstraint(ONE_PRINCIPAL, name="one_principal"),
        *_references(),
        *_principal(),
        sa.ForeignKeyConstraint(["policy_id"], ["policies.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "uq_policy_attachments_once",
        "policy_attachments",
        ["policy_id", sa.text("coalesce(user_id, 0)"), sa.text("coalesce(group_id, 0)")],
        unique=True,
    )
    op.create_index("ix_policy_attachments_group_id", "policy_attachments", ["group_id"])
    op.create_index("ix_policy_attachments_user_id", "policy_attachments", ["org_id", "user_id"])
    protect("policies")
    # A version is what was in force: the application adds to them, and no more.
    protect("policy_versions", privileges="SELECT, INSERT")
    protect("policy_attachments")


def _create_rules() -> None:
    op.create_table(
        "access_rules",
        _identity(),
        _org_id(),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("group_id", sa.BigInteger(), nullable=True),
        sa.Column("effect", sa.Text(), nullable=False),
        sa.Column("actions", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("folder_id", sa.BigInteger(), nullable=True),
        sa.Column("document_id", sa.BigInteger(), nullable=True),
        sa.Column("condition", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("grant_id", sa.BigInteger(), nullable=True),
        sa.Column("attachment_id", sa.BigInteger(), nullable=True),
        sa.Column("policy_id", sa.BigInteger(), nullable=True),
        sa.Column("statement", sa.Integer(), nullable=True),
        sa.CheckConstraint(EFFECT, name="effect"),
        sa.CheckConstraint(ONE_PRINCIPAL, name="one_principal"),
        sa.CheckConstraint("num_nonnulls(grant_id, attachment_id) = 1", name="one_source"),
        *_references(created_by=False),
        *_principal(),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["attachment_id"], ["policy_attachments.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["policy_id"], ["policies.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    for name in ("group_id", "grant_id", "attachment_id", "policy_id"):
        op.create_index(f"ix_access_rules_{name}", "access_rules", [name])
    for name in ("user_id", "folder_id", "document_id"):
        op.create_index(f"ix_access_rules_{name}", "access_rules", ["org_id", name])
    protect("access_rules")


def _carry_over() -> None:
    """Make grants of the members, and give the administrators what they had: every cabinet, by grants of their own."""
    # Who granted is the administrator who created the cabinet, as well as can be told.
    op.execute(
        "INSERT INTO grants (org_id, folder_id, user_id, effect, role, created_by, created_at) "
        "SELECT f.org_id, f.id, m.user_id, 'allow', 'manager', f.created_by, now() FROM folders AS f "
        "JOIN memberships AS m ON m.org_id = f.org_id AND m.role = 'administrator' WHERE f.parent_id IS NULL"
    )
    op.execute(
        "INSERT INTO grants (org_id, folder_id, user_id, effect, role, created_by, created_at) "
        "SELECT c.org_id, c.folder_id, c.user_id, 'allow', c.role, f.created_by, c.created_at "
        "FROM cabinet_members AS c JOIN folders AS f ON f.id = c.folder_id "
        "JOIN memberships AS m ON m.org_id = c.org_id AND m.user_id = c.user_id ON CONFLICT DO NOTHING"
    )
    for role, actions in ROLES.items():
        names = ", ".join(f"'{action}'" for action in sorted(actions))
        op.execute(
            "INSERT INTO access_rules (org_id, user_id, effect, actions, scope, folder_id, grant_id) "  # noqa: S608  # names of our own
            f"SELECT org_id, user_id, effect, ARRAY[{names}], 'tree', folder_id, id FROM grants "
            f"WHERE role = '{role}'"
        )


def downgrade() -> None:
    """Bring members back. What they cannot say is lost: groups, documents, folders below cabinets, Denies, policies."""
    op.create_table(
        "cabinet_members",
        sa.Column("folder_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        _created_at(),
        sa.CheckConstraint("role IN ('reader', 'editor')", name="role"),
        sa.ForeignKeyConstraint(["folder_id"], ["folders.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"]),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"]),
        sa.PrimaryKeyConstraint("folder_id", "user_id"),
    )
    op.create_index("ix_cabinet_members_user_id", "cabinet_members", ["user_id"])
    protect("cabinet_members")
    # Administrators saw everything then; to have them as members as well would say too little.
    op.execute(
        "INSERT INTO cabinet_members (folder_id, user_id, org_id, role, created_at) "
        "SELECT g.folder_id, g.user_id, g.org_id, "
        "CASE WHEN g.role IN ('editor', 'manager') THEN 'editor' ELSE 'reader' END, g.created_at "
        "FROM grants AS g JOIN folders AS f ON f.id = g.folder_id AND f.parent_id IS NULL "
        "JOIN memberships AS m ON m.org_id = g.org_id AND m.user_id = g.user_id AND m.role <> 'administrator' "
        "WHERE g.effect = 'allow' AND g.role IS NOT NULL"
    )
    for table in (
        "access_rules",
        "policy_attachments",
        "policy_versions",
        "policies",
        "grants",
    ):
        op.drop_table(table)
