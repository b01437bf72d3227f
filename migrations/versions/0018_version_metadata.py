"""What files of versions say about themselves, and its words in the searched row (docs/adr/0003-text-extraction.md)."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.security import protect

revision = "0018"
down_revision = "0017"

# The function of migration 0002, with the words of the metadata before the text.
SYNC = """
CREATE OR REPLACE FUNCTION dms_search_sync(ids bigint[]) RETURNS void
LANGUAGE plpgsql SET client_min_messages = warning AS $$
BEGIN
    IF coalesce(cardinality(ids), 0) = 0 THEN RETURN; END IF;
    PERFORM 1 FROM documents WHERE id = ANY (ids) ORDER BY id FOR NO KEY UPDATE;
    INSERT INTO document_search AS s (
        document_id, version_id, org_id, acl_key, name, name_key, family, owner_id, tags, size,
        is_deleted, is_partial, created_at, search_vector
    )
    SELECT d.id, v.id, d.org_id, d.folder_id, d.name, dms_search_name_key(d.name), dms_media_family(v.media_type),
           d.owner_id, d.tags, b.size, d.deleted_at IS NOT NULL, made.is_partial, d.created_at, made.vector
    FROM documents AS d
    JOIN versions AS v ON v.id = d.current_version_id
    JOIN blobs AS b ON b.id = v.blob_id
    LEFT JOIN version_texts AS t ON t.version_id = v.id
    {join}
    CROSS JOIN LATERAL dms_search_vector(d.id, d.name, d.tags, d.properties, {body}, t.language) AS made
    WHERE d.id = ANY (ids)
    ORDER BY d.id
    ON CONFLICT (document_id) DO UPDATE SET
        version_id = excluded.version_id, acl_key = excluded.acl_key, name = excluded.name,
        name_key = excluded.name_key, family = excluded.family, owner_id = excluded.owner_id, tags = excluded.tags,
        size = excluded.size, is_deleted = excluded.is_deleted, is_partial = excluded.is_partial,
        created_at = excluded.created_at, search_vector = excluded.search_vector;
END
$$
"""
WITH_METADATA = {
    "join": "LEFT JOIN version_metadata AS m ON m.version_id = v.id",
    "body": "concat_ws(E'\\n', nullif(m.words, ''), t.text)",
}
WITHOUT_METADATA = {"join": "", "body": "t.text"}

# Which documents' current versions got other words than they had.
CHANGED = """
    PERFORM dms_search_sync((
        SELECT array_agg(v.document_id) FROM new_rows AS n {other}
        JOIN versions AS v ON v.id = n.version_id
        JOIN documents AS d ON d.id = v.document_id AND d.current_version_id = v.id
        WHERE {changed}
    ));
"""
TRIGGERS = {
    "INSERT": ("NEW TABLE AS new_rows", CHANGED.format(other="", changed="n.words <> ''")),
    "UPDATE": (
        "OLD TABLE AS old_rows NEW TABLE AS new_rows",
        CHANGED.format(other="JOIN old_rows AS o USING (version_id)", changed="n.words <> o.words"),
    ),
}

# The function of migration 0016: what a file says about itself is forgotten with its text.
FORGET = """
CREATE OR REPLACE FUNCTION dms_forget_quarantined() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM version_texts WHERE version_id = NEW.id;
    {metadata}
    PERFORM dms_search_sync((SELECT array_agg(id) FROM documents WHERE current_version_id = NEW.id));
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    op.create_table(
        "version_metadata",
        sa.Column("version_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("fields", postgresql.JSONB(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisations.id"], name=op.f("fk_version_metadata_org_id")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["versions.id"],
            name=op.f("fk_version_metadata_version_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("version_id", name=op.f("pk_version_metadata")),
    )
    protect("version_metadata")
    op.execute(SYNC.format(**WITH_METADATA))
    op.execute(FORGET.format(metadata="DELETE FROM version_metadata WHERE version_id = NEW.id;"))
    for event, (rows, body) in TRIGGERS.items():
        function = f"dms_search_metadata_{event.lower()}"
        op.execute(
            f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql "
            f"AS $$ BEGIN {body} RETURN NULL; END $$"
        )
        op.execute(
            f"CREATE TRIGGER search_after_{event.lower()} AFTER {event} ON version_metadata "
            f"REFERENCING {rows} FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
        )


def downgrade() -> None:
    op.drop_table("version_metadata")
    for event in TRIGGERS:
        op.execute(f"DROP FUNCTION dms_search_metadata_{event.lower()}()")
    op.execute(SYNC.format(**WITHOUT_METADATA))
    op.execute(FORGET.format(metadata=""))
