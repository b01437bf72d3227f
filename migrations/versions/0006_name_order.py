"""Names in the order people expect: `letter 2` before `letter 10`, `Äpfel` beside `Apfel`, whatever the case.

The order is a column, not an expression: under row-level security only a column can be compared in an index. Adding it
writes the two tables anew, about ten seconds for a million documents.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

# Accents fall off, and every number is written with twenty digits.
FUNCTION = r"""
CREATE FUNCTION dms_name_order(name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
SELECT regexp_replace(
    regexp_replace(
        lower(CASE WHEN octet_length(name) = length(name) THEN name
              ELSE regexp_replace(normalize(name, NFKD), '[\u0300-\u036f]', '', 'g') END),
        '([0-9]+)', repeat('0', 20) || '\1', 'g'),
    '[0-9]*([0-9]{20})', '\1', 'g')
$$
"""

INDEXES = {"documents": "folder_id", "folders": "parent_id"}


def upgrade() -> None:
    op.execute(FUNCTION)
    for table, parent in INDEXES.items():
        op.add_column(
            table,
            sa.Column(
                "name_order",
                sa.Text(),
                sa.Computed("dms_name_order(name)", persisted=True),
                nullable=False,
            ),
        )
        op.create_index(f"ix_{table}_by_name", table, [parent, "name_order", "id"])


def downgrade() -> None:
    for table in INDEXES:
        op.drop_index(f"ix_{table}_by_name", table_name=table)
        op.drop_column(table, "name_order")
    op.execute("DROP FUNCTION dms_name_order")
