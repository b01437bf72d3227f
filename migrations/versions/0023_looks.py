"""Looks at ways in: places of any length, so many looks at a time; and addresses that take letters later."""

import sqlalchemy as sa
from alembic import op

from migrations.security import application_role

revision = "0023"
down_revision = "0022"

# Whoever begins a look asks how many there are, of all organisations.
_LOOKS = """
CREATE FUNCTION dms_intake_looks() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT count(*) FROM public.intake_sources s WHERE s.lease_until > now()
$$
"""
_DUE = """
CREATE OR REPLACE FUNCTION dms_intake_due() RETURNS SETOF bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    {statement}
$$
"""
_LONGEST_WAITING_FIRST = """SELECT s.org_id FROM public.intake_sources s
    WHERE s.enabled AND s.due_at <= now() AND (s.lease_until IS NULL OR s.lease_until <= now())
    GROUP BY s.org_id ORDER BY min(s.due_at)"""
_IN_ANY_ORDER = """SELECT DISTINCT s.org_id FROM public.intake_sources s
    WHERE s.enabled AND s.due_at <= now()"""

# Letters to a way in that is paused are kept by those who send them.
_ADDRESS = """
CREATE FUNCTION dms_intake_address(asked text) RETURNS TABLE ({columns})
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT {selected} FROM public.intake_sources s
    WHERE s.kind = 'smtp' AND lower(s.settings ->> 'address') = lower(asked){condition}
$$
"""
_WITH_PAUSED = _ADDRESS.format(
    columns="org_id bigint, source_id bigint, enabled boolean",
    selected="s.org_id, s.id, s.enabled",
    condition="",
)
_WITHOUT_PAUSED = _ADDRESS.format(
    columns="org_id bigint, source_id bigint",
    selected="s.org_id, s.id",
    condition=" AND s.enabled",
)


def upgrade() -> None:
    _find_addresses(_WITH_PAUSED)
    op.execute(_LOOKS)
    op.execute("REVOKE EXECUTE ON FUNCTION dms_intake_looks() FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION dms_intake_looks() TO {application_role()}")
    op.execute(_DUE.format(statement=_LONGEST_WAITING_FIRST))
    for name in ("lease", "reached"):
        op.add_column("intake_sources", sa.Column(name, sa.Text(), nullable=True))
    op.drop_index("ix_intake_items_place", "intake_items")
    # Places may be longer than an index takes.
    op.create_index(
        "ix_intake_items_place",
        "intake_items",
        ["source_id", sa.literal_column("hashtext(place)")],
    )
    op.create_index(
        "ix_intake_items_by_source", "intake_items", ["source_id", sa.literal_column("id DESC")]
    )
    op.create_index(
        "ix_intake_items_due",
        "intake_items",
        ["source_id", "retry_at"],
        postgresql_where=sa.text("retry_at IS NOT NULL"),
    )


def _find_addresses(function: str) -> None:
    op.execute("DROP FUNCTION dms_intake_address(text)")
    op.execute(function)
    op.execute("REVOKE EXECUTE ON FUNCTION dms_intake_address(text) FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION dms_intake_address(text) TO {application_role()}")


def downgrade() -> None:
    _find_addresses(_WITHOUT_PAUSED)
    for name in ("lease", "reached"):
        op.drop_column("intake_sources", name)
    op.drop_index("ix_intake_items_due", "intake_items")
    op.drop_index("ix_intake_items_by_source", "intake_items")
    op.execute(_DUE.format(statement=_IN_ANY_ORDER))
    op.execute("DROP FUNCTION dms_intake_looks()")
    op.drop_index("ix_intake_items_place", "intake_items")
    # What is longer than an index takes is known by its key all the same.
    op.execute("UPDATE intake_items SET place = left(place, 500) WHERE length(place) > 500")
    op.create_index("ix_intake_items_place", "intake_items", ["source_id", "place"])
