"""Quarantine forgets also what stands on the pages of a version, and the pictures of them."""

from alembic import op

revision = "0025"
down_revision = "0024"

# The function of migration 0018. What people wrote stays: reading the version again would not bring it back.
# The preview goes before the pages that are shown, for who makes one holds its row until both are there.
# Its pictures go with it; the next collections free their content.
FORGET = """
CREATE OR REPLACE FUNCTION dms_forget_quarantined() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM version_texts WHERE version_id = NEW.id;
    DELETE FROM version_metadata WHERE version_id = NEW.id;
    {layers_and_previews}
    PERFORM dms_search_sync((SELECT array_agg(id) FROM documents WHERE current_version_id = NEW.id));
    RETURN NULL;
END
$$
"""
LAYERS_AND_PREVIEWS = """
    DELETE FROM text_pages WHERE version_id {versions} AND source <> 'person';
    DELETE FROM text_layers AS l WHERE version_id {versions} AND NOT EXISTS (
        SELECT FROM text_pages AS p WHERE p.version_id = l.version_id AND p.layer = l.number
    );
    DELETE FROM previews WHERE version_id {versions};
    DELETE FROM shown_pages WHERE version_id {versions};
"""
HELD = "IN (SELECT id FROM versions WHERE scan_status = 'quarantined')"


def upgrade() -> None:
    forgotten = LAYERS_AND_PREVIEWS.format(versions="= NEW.id")
    op.execute(FORGET.format(layers_and_previews=forgotten))
    for statement in LAYERS_AND_PREVIEWS.format(versions=HELD).split(";\n")[:-1]:
        op.execute(statement)


def downgrade() -> None:
    # What was forgotten is read and drawn again when the content is released.
    op.execute(FORGET.format(layers_and_previews=""))
