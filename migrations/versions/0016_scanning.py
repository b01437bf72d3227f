"""Scanning of what is stored: what the scanner said of each blob, the quarantine, and the runs."""

import sqlalchemy as sa
from alembic import op

from migrations.security import application_role, grant, protect

revision = "0016"
down_revision = "0015"

COUNTS = ("scanned", "scanned_bytes", "infected", "unscannable")

# What was read out of a version is forgotten in the transaction that quarantines it, whoever wrote it and whoever
# writes that transaction. The searched row has only what the document is called then.
_FORGET = """
CREATE FUNCTION dms_forget_quarantined() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM version_texts WHERE version_id = NEW.id;
    PERFORM dms_search_sync((SELECT array_agg(id) FROM documents WHERE current_version_id = NEW.id));
    RETURN NULL;
END
$$
"""
_TRIGGER = """
CREATE TRIGGER forget_quarantined AFTER UPDATE OF scan_status ON versions FOR EACH ROW
WHEN (NEW.scan_status = 'quarantined' AND OLD.scan_status <> 'quarantined')
EXECUTE FUNCTION dms_forget_quarantined()
"""
# Who is reading it at that moment writes nothing afterwards. The lock lets one of the two go first.
_REFUSE = """
CREATE FUNCTION dms_refuse_quarantined() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    status text;
BEGIN
    SELECT scan_status INTO status FROM versions WHERE id = NEW.version_id FOR SHARE;
    IF status = 'quarantined' THEN RETURN NULL; END IF;
    RETURN NEW;
END
$$
"""
_REFUSING_TRIGGER = """
CREATE TRIGGER refuse_quarantined BEFORE INSERT OR UPDATE ON version_texts FOR EACH ROW
EXECUTE FUNCTION dms_refuse_quarantined()
"""


def upgrade() -> None:
    op.add_column("blobs", sa.Column("scan_tried_at", sa.DateTime(timezone=True)))
    op.add_column("blobs", sa.Column("scanned_with", sa.Integer()))
    op.add_column("blobs", sa.Column("quarantined_as", sa.Text()))
    op.add_column("versions", sa.Column("scan_detail", sa.Text()))
    op.create_index(
        "ix_blobs_scan_order",
        "blobs",
        ["org_id", sa.literal_column("scan_tried_at NULLS FIRST"), "id"],
    )
    op.create_index(
        "ix_versions_unscanned",
        "versions",
        ["org_id", "blob_id"],
        postgresql_where=sa.text("scan_status = 'unscanned'"),
    )
    _create_quarantine()
    _create_runs()
    op.execute(_FORGET)
    op.execute(_TRIGGER)
    op.execute(_REFUSE)
    op.execute(_REFUSING_TRIGGER)


def _create_quarantine() -> None:
    op.create_table(
        "quarantine",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("scanned_with", sa.Integer()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column(
            "found_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.Column("decided_by", sa.BigInteger()),
        sa.Column("reason", sa.Text()),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"], name="fk_quarantine_org_id"),
        sa.ForeignKeyConstraint(["decided_by"], ["users.id"], name="fk_quarantine_decided_by"),
        sa.PrimaryKeyConstraint("id", name="pk_quarantine"),
    )
    op.create_index(
        "uq_quarantine_held",
        "quarantine",
        ["org_id", "digest"],
        unique=True,
        postgresql_where=sa.text("state = 'held'"),
    )
    op.create_index(
        "ix_quarantine_newest", "quarantine", ["org_id", "state", sa.literal_column("id DESC")]
    )
    op.create_index("ix_quarantine_exceptions", "quarantine", ["org_id", "digest", "signature"])
    protect("quarantine")
    # The metrics count what is held in all organisations, whose rows no single transaction may see.
    op.execute(
        "CREATE FUNCTION dms_held_content() RETURNS bigint "
        "LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$ "
        "SELECT count(*) FROM public.quarantine WHERE state = 'held' $$"
    )
    op.execute("REVOKE EXECUTE ON FUNCTION dms_held_content() FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION dms_held_content() TO {application_role()}")


def _create_runs() -> None:
    op.create_table(
        "scan_runs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("unscanned_only", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("stored_since", sa.DateTime(timezone=True)),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)
            for name in COUNTS
        ),
        sa.PrimaryKeyConstraint("id", name="pk_scan_runs"),
    )
    op.create_index("ix_scan_runs_trigger", "scan_runs", ["trigger", "id"])
    grant("scan_runs")


def downgrade() -> None:
    op.drop_table("scan_runs")
    op.execute("DROP FUNCTION dms_held_content()")
    op.drop_table("quarantine")
    op.execute("DROP TRIGGER refuse_quarantined ON version_texts")
    op.execute("DROP FUNCTION dms_refuse_quarantined()")
    op.execute("DROP TRIGGER forget_quarantined ON versions")
    op.execute("DROP FUNCTION dms_forget_quarantined()")
    # The code before knows neither state, and would let both be read.
    op.execute(
        "UPDATE versions SET scan_status = 'unscanned' WHERE scan_status IN ('quarantined', 'released')"
    )
    op.drop_index("ix_versions_unscanned", table_name="versions")
    op.drop_index("ix_blobs_scan_order", table_name="blobs")
    op.drop_column("versions", "scan_detail")
    for column in ("quarantined_as", "scanned_with", "scan_tried_at"):
        op.drop_column("blobs", column)
