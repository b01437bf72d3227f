"""Seal the audit trail: where deeds came from, a hash chain per organisation, and signed checkpoints of it."""

import sqlalchemy as sa
from alembic import op

from migrations.security import application_role, protect

revision = "0010"
down_revision = "0009"

# The encoding is JSON as PostgreSQL writes `jsonb`; backend/audit/encoding.py writes the same.
_ENCODING = """
CREATE FUNCTION dms_audit_encoding(event audit_events, seq bigint) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE AS $$
SELECT convert_to(jsonb_build_array(
    1, event.org_id, seq, event.id, (extract(epoch FROM event.at) * 1000000)::bigint, event.actor_id, event.action,
    event.object, event.folder_id, event.address, event.request_id, event.session_id, event.data
)::text, 'UTF8')
$$
"""

_JOIN_TAIL = """
CREATE FUNCTION dms_audit_join_tail() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO audit_tail (org_id, event_id) SELECT org_id, id FROM added;
    RETURN NULL;
END
$$
"""

# One transaction: after a crash anywhere in it nothing has happened. The lock lets one sealer at a time extend a
# chain; the next statement after it sees all that the one before has committed (READ COMMITTED), and where a caller
# chose another isolation, the primary key of the seals refuses the fork.
_SEAL = """
CREATE FUNCTION dms_audit_seal(batch integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    org bigint;
    last_seq bigint;
    last_hash bytea;
    event audit_events;
    sealed bigint := 0;
BEGIN
    FOR org IN SELECT DISTINCT org_id FROM audit_tail LOOP
        CONTINUE WHEN NOT pg_try_advisory_xact_lock(dms_audit_lock(org));
        SELECT head.seq, head.hash INTO last_seq, last_hash FROM dms_audit_head(org) AS head;
        FOR event IN
            SELECT e.* FROM audit_tail t JOIN audit_events e ON e.id = t.event_id AND e.org_id = org
            WHERE t.org_id = org ORDER BY t.event_id LIMIT batch
        LOOP
            last_seq := last_seq + 1;
            last_hash := sha256(last_hash || dms_audit_encoding(event, last_seq));
            INSERT INTO audit_seals (org_id, seq, event_id, hash) VALUES (org, last_seq, event.id, last_hash);
            DELETE FROM audit_tail WHERE org_id = org AND event_id = event.id;
            sealed := sealed + 1;
        END LOOP;
    END LOOP;
    RETURN sealed;
END
$$
"""

_LOCK = """
CREATE FUNCTION dms_audit_lock(org bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT hashtextextended('dms audit chain', org)
$$
"""

# After a cut the chain goes on from its anchor, even where nothing was sealed since.
_HEAD = """
CREATE FUNCTION dms_audit_head(org bigint, OUT seq bigint, OUT hash bytea) LANGUAGE sql STABLE AS $$
(SELECT s.seq, s.hash FROM audit_seals s WHERE s.org_id = org ORDER BY s.seq DESC LIMIT 1)
UNION ALL
(SELECT c.seq, c.hash FROM audit_checkpoints c WHERE c.org_id = org AND c.purpose = 'anchor'
 ORDER BY c.seq DESC LIMIT 1)
UNION ALL
SELECT 0::bigint, decode(repeat('00', 32), 'hex')
LIMIT 1
$$
"""

_TRIGGER = """
CREATE TRIGGER join_tail AFTER INSERT ON audit_events REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION dms_audit_join_tail()
"""

_INDEXES = {
    "at": ["at", "id"],
    "actor": ["actor_id", "at", "id"],
    "action": ["action", "at", "id"],
    "object": ["object", "at", "id"],
    "address": ["address", "at", "id"],
}


def upgrade() -> None:
    for name, kind in (
        ("folder_id", sa.BigInteger()),
        ("address", sa.Text()),
        ("session_id", sa.Text()),
    ):
        op.add_column("audit_events", sa.Column(name, kind, nullable=True))
    for name, columns in _INDEXES.items():
        op.create_index(f"ix_audit_events_{name}", "audit_events", ["org_id", *columns])
    op.create_index(
        "ix_audit_events_folder",
        "audit_events",
        ["org_id", "folder_id", "at", "id"],
        postgresql_where=sa.text("folder_id IS NOT NULL"),
    )
    _create_chain()
    _create_checkpoints()
    for function in (_LOCK, _ENCODING, _HEAD, _JOIN_TAIL, _SEAL):
        op.execute(function)
    op.execute("REVOKE ALL ON FUNCTION dms_audit_seal(integer) FROM PUBLIC")
    op.execute("REVOKE ALL ON FUNCTION dms_audit_join_tail() FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION dms_audit_seal(integer) TO {application_role()}")
    op.execute(_TRIGGER)
    # What was recorded before there was a chain is its beginning.
    op.execute("INSERT INTO audit_tail (org_id, event_id) SELECT org_id, id FROM audit_events")


def _create_chain() -> None:
    op.create_table(
        "audit_tail",
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"]),
        sa.PrimaryKeyConstraint("org_id", "event_id"),
    )
    op.create_table(
        "audit_seals",
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column(
            "sealed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("statement_timestamp()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"]),
        sa.PrimaryKeyConstraint("org_id", "seq"),
        sa.UniqueConstraint("event_id"),
    )
    protect("audit_tail", privileges="SELECT")
    protect("audit_seals", privileges="SELECT")


def _create_checkpoints() -> None:
    op.create_table(
        "audit_checkpoints",
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"]),
        sa.PrimaryKeyConstraint("org_id", "seq", "purpose"),
    )
    protect("audit_checkpoints", privileges="SELECT, INSERT")


def downgrade() -> None:
    op.execute("DROP TRIGGER join_tail ON audit_events")
    op.execute("DROP FUNCTION dms_audit_seal(integer)")
    op.execute("DROP FUNCTION dms_audit_join_tail()")
    op.execute("DROP FUNCTION dms_audit_head(bigint)")
    op.execute("DROP FUNCTION dms_audit_encoding(audit_events, bigint)")
    op.execute("DROP FUNCTION dms_audit_lock(bigint)")
    for table in ("audit_checkpoints", "audit_seals", "audit_tail"):
        op.drop_table(table)
    for name in (*_INDEXES, "folder"):
        op.drop_index(f"ix_audit_events_{name}", "audit_events")
    for name in ("session_id", "address", "folder_id"):
        op.drop_column("audit_events", name)
