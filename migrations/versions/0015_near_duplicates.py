"""Texts that are nearly the same: what is due to be compared, signatures, bands, pairs (docs/adr/0018)."""

import sqlalchemy as sa
from alembic import op

from migrations.security import application_role, protect

revision = "0015"
down_revision = "0014"

TABLES = ("due_texts", "text_signatures", "text_bands", "near_pairs")

# Whoever writes a text has it compared: extraction, OCR, a person's correction. A text that stays the same is not due.
# A row that is there already is locked all the same: otherwise a comparison could take it now, and read the old text.
WRITTEN = """
CREATE FUNCTION dms_text_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO due_texts (version_id, org_id) SELECT version_id, org_id FROM new_rows
    ON CONFLICT (version_id) DO UPDATE SET org_id = excluded.org_id;
    RETURN NULL;
END
$$
"""
CHANGED = """
CREATE FUNCTION dms_changed_text_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO due_texts (version_id, org_id)
    SELECT n.version_id, n.org_id FROM new_rows AS n JOIN old_rows AS o USING (version_id)
    WHERE n.text IS DISTINCT FROM o.text
    ON CONFLICT (version_id) DO UPDATE SET org_id = excluded.org_id;
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    op.create_table(
        "due_texts",
        sa.Column("version_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("version_id", name=op.f("pk_due_texts")),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["versions.id"],
            name=op.f("fk_due_texts_version_id"),
            ondelete="CASCADE",
        ),
        _of_organisation("due_texts"),
    )
    op.create_table(
        "text_signatures",
        sa.Column("document_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("version_id", sa.BigInteger(), nullable=False),
        sa.Column("shingles", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("cluster", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("document_id", name=op.f("pk_text_signatures")),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["documents.id"],
            name=op.f("fk_text_signatures_document_id"),
            ondelete="CASCADE",
        ),
        _of_organisation("text_signatures"),
    )
    op.create_index(
        "ix_text_signatures_cluster",
        "text_signatures",
        ["org_id", "cluster", "document_id"],
        postgresql_where=sa.text("cluster IS NOT NULL"),
    )
    op.create_table(
        "text_bands",
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.Column("band", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("document_id", "band", name=op.f("pk_text_bands")),
        _of_signature("text_bands", "document_id"),
        _of_organisation("text_bands"),
    )
    op.create_index("ix_text_bands_band", "text_bands", ["band", "document_id"])
    op.create_table(
        "near_pairs",
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.Column("other_id", sa.BigInteger(), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("similarity", sa.REAL(), nullable=False),
        sa.CheckConstraint("document_id < other_id", name=op.f("ck_near_pairs_in_order")),
        sa.PrimaryKeyConstraint("document_id", "other_id", name=op.f("pk_near_pairs")),
        _of_signature("near_pairs", "document_id"),
        _of_signature("near_pairs", "other_id"),
        _of_organisation("near_pairs"),
    )
    op.create_index(op.f("ix_near_pairs_other_id"), "near_pairs", ["other_id"])
    for table in TABLES:
        protect(table)
    op.execute("CREATE SEQUENCE text_clusters")
    op.execute(f"GRANT USAGE ON SEQUENCE text_clusters TO {application_role()}")
    op.execute(WRITTEN)
    op.execute(CHANGED)
    op.execute(
        "CREATE TRIGGER due_after_insert AFTER INSERT ON version_texts "
        "REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION dms_text_due()"
    )
    op.execute(
        "CREATE TRIGGER due_after_update AFTER UPDATE ON version_texts "
        "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows "
        "FOR EACH STATEMENT EXECUTE FUNCTION dms_changed_text_due()"
    )
    op.execute(
        "INSERT INTO due_texts (version_id, org_id) SELECT version_id, org_id FROM version_texts"
    )


def _of_organisation(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["org_id"], ["organisations.id"], name=op.f(f"fk_{table}_org_id")
    )


def _of_signature(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column],
        ["text_signatures.document_id"],
        name=op.f(f"fk_{table}_{column}"),
        ondelete="CASCADE",
    )


def downgrade() -> None:
    for event in ("insert", "update"):
        op.execute(f"DROP TRIGGER due_after_{event} ON version_texts")
    op.execute("DROP FUNCTION dms_text_due")
    op.execute("DROP FUNCTION dms_changed_text_due")
    op.execute("DROP SEQUENCE text_clusters")
    for table in reversed(TABLES):
        op.drop_table(table)
