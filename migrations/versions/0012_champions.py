"""What is known of the words of many documents, and the best documents of each (docs/adr/0016-search-routes.md)."""

import sqlalchemy as sa
from alembic import op

from migrations.security import protect

revision = "0012"
down_revision = "0011"


# Every lookup reads the whole list of what is still to be sorted into the index, and a search may look into a hundred
# folders: at 4 MB that was 38 to 105 ms instead of 15.
PENDING = "ALTER INDEX ix_document_search_vector SET (gin_pending_list_limit = {})"


def upgrade() -> None:
    op.execute(PENDING.format(512))
    _create_tables()
    for function in (ENLIST, COUNT, GATHER):
        op.execute(function)
    for event, body in TRIGGERS.items():
        name = event.lower()
        op.execute(
            f"CREATE FUNCTION dms_search_row_{name}() RETURNS trigger LANGUAGE plpgsql "
            f"AS $$ BEGIN {body} RETURN NULL; END $$"
        )
        rows = {
            "INSERT": "NEW TABLE AS new_rows",
            "UPDATE": "OLD TABLE AS old_rows NEW TABLE AS new_rows",
            "DELETE": "OLD TABLE AS old_rows",
        }[event]
        op.execute(
            f"CREATE TRIGGER champions_after_{name} AFTER {event} ON document_search REFERENCING {rows} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION dms_search_row_{name}()"
        )


def _create_tables() -> None:
    op.create_table(
        "search_statistics",
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("documents", sa.BigInteger(), nullable=False),
        sa.Column("folders", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column(
            "counted_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"]),
        sa.PrimaryKeyConstraint("org_id"),
    )
    op.create_table(
        "search_lexemes",
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("lexeme", sa.Text(), nullable=False),
        sa.Column("documents", sa.BigInteger(), nullable=False),
        sa.Column("threshold", sa.REAL(), server_default=sa.text("'Infinity'"), nullable=False),
        sa.Column("is_listed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_due", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"]),
        sa.PrimaryKeyConstraint("org_id", "lexeme"),
    )
    op.create_table(
        "search_champions",
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("lexeme", sa.Text(), nullable=False),
        sa.Column("weight", sa.REAL(), nullable=False),
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["organisations.id"]),
    )
    op.create_index(
        "ix_search_champions_best",
        "search_champions",
        ["org_id", "lexeme", sa.text("weight DESC"), sa.text("document_id DESC")],
    )
    op.create_index("ix_search_champions_document_id", "search_champions", ["document_id"])
    for table in ("search_statistics", "search_lexemes", "search_champions"):
        protect(table)


# Brings documents into the lists they belong in, and out of all others. Only rows of these documents are touched, which
# the caller has locked, and nothing it writes can collide with what another writes: uploads do not wait for each other.
# Lexemes are letters and digits (dms_search_fold), so they need no quoting. Concatenation unpacks the vector once;
# ranking would unpack it for each lexeme. Planned for the ids at hand, the statement would be planned at every call,
# which takes ten times as long as to run it for a name.
ENLIST = """
CREATE FUNCTION dms_search_enlist(ids bigint[]) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    IF coalesce(cardinality(ids), 0) = 0 THEN RETURN; END IF;
    DELETE FROM search_champions WHERE document_id = ANY (ids);
    INSERT INTO search_champions (org_id, lexeme, weight, document_id)
    SELECT s.org_id, l.lexeme, weighed.weight, s.document_id
    FROM (
        SELECT org_id, document_id, search_vector || ''::tsvector AS vector FROM document_search
        WHERE document_id = ANY (ids) AND NOT is_deleted OFFSET 0
    ) AS s
    CROSS JOIN LATERAL unnest(tsvector_to_array(s.vector)) AS word
    JOIN search_lexemes AS l ON l.org_id = s.org_id AND l.lexeme = word AND l.threshold < 'Infinity'
    CROSS JOIN LATERAL (
        SELECT ts_rank(s.vector, ('''' || l.lexeme || '''')::tsquery, 1) AS weight OFFSET 0
    ) AS weighed
    WHERE weighed.weight > l.threshold;
END
$$
"""

# Few organisations are large enough to have such lexemes.
TRIGGERS = {
    "INSERT": """
    IF EXISTS (SELECT FROM search_lexemes) THEN
        PERFORM dms_search_enlist((SELECT array_agg(document_id) FROM new_rows));
    END IF;
""",
    # A move changes nothing: where a document stands is asked when it is searched. It has to be told from a change of
    # words, and to compare two vectors costs a tenth of a millisecond.
    "UPDATE": """
    IF EXISTS (SELECT FROM search_lexemes) THEN
        PERFORM dms_search_enlist((
            SELECT array_agg(n.document_id) FROM new_rows AS n JOIN old_rows AS o USING (document_id)
            WHERE n.is_deleted <> o.is_deleted
               OR (n.acl_key, n.owner_id, n.created_at) = (o.acl_key, o.owner_id, o.created_at)
               OR n.search_vector <> o.search_vector
        ));
    END IF;
""",
    "DELETE": """
    DELETE FROM search_champions WHERE document_id = ANY (ARRAY(SELECT document_id FROM old_rows));
""",
}

# Counts the documents each lexeme is in; of many documents, every 16th tells enough. What is in more than `common`
# enters, what has fallen to half of that leaves, its list with it.
COUNT = """
CREATE FUNCTION dms_search_count(org bigint, common integer, sampled_from integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    total bigint := (SELECT count(*) FROM document_search WHERE org_id = org AND NOT is_deleted);
    every integer := CASE WHEN total >= sampled_from THEN 16 ELSE 1 END;
    vectors text := format('SELECT search_vector FROM document_search WHERE org_id = %s AND NOT is_deleted', org)
        || CASE every WHEN 16 THEN ' AND search_vector @@ ''''''sample=16''''''::tsquery' ELSE '' END;
    gone text[];
BEGIN
    WITH counted AS MATERIALIZED (
        SELECT word, ndoc::bigint * every AS documents FROM ts_stat(vectors)
        WHERE ndoc::bigint * every > common / 2 AND strpos(word, '=') = 0
    ), known AS (
        INSERT INTO search_lexemes (org_id, lexeme, documents)
        SELECT org, word, documents FROM counted
        WHERE documents > common OR EXISTS (SELECT FROM search_lexemes WHERE org_id = org AND lexeme = word)
        ORDER BY word
        ON CONFLICT (org_id, lexeme) DO UPDATE SET documents = excluded.documents
    )
    SELECT array_agg(lexeme) INTO gone FROM search_lexemes
    WHERE org_id = org AND NOT EXISTS (SELECT FROM counted WHERE word = lexeme);
    DELETE FROM search_lexemes WHERE org_id = org AND lexeme = ANY (gone);
    DELETE FROM search_champions WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM search_champions WHERE org_id = org AND lexeme = ANY (gone) FOR UPDATE SKIP LOCKED
    ));
    INSERT INTO search_statistics (org_id, documents, folders)
    VALUES (org, total, ARRAY(
        SELECT acl_key FROM document_search
        WHERE org_id = org AND NOT is_deleted AND (every = 1 OR hashint8extended(document_id, 0) & 15 = 0)
        ORDER BY hashint8extended(document_id, 1) LIMIT 500
    ))
    ON CONFLICT (org_id) DO UPDATE
    SET documents = excluded.documents, folders = excluded.folders, counted_at = now();
END
$$
"""

# Gathers the champions of one lexeme anew. In one statement, so that what others commit meanwhile is either seen whole
# or left as it is. It never waits for a writer, who may wait for it. Read from end to end, the table would have every
# vector unpacked, which the planner does not reckon with. A list that has grown has the best in it already.
GATHER = """
CREATE FUNCTION dms_search_gather(org bigint, word text, most integer) RETURNS boolean
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    asked tsquery := ('''' || word || '''')::tsquery;
    is_grown boolean;
    listed integer;
    least real;
BEGIN
    PERFORM FROM search_lexemes WHERE org_id = org AND lexeme = word AND is_due FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN RETURN false; END IF;
    is_grown := 2 * most < (
        SELECT count(DISTINCT document_id) FROM search_champions WHERE org_id = org AND lexeme = word
    );
    WITH best AS MATERIALIZED (
        SELECT document_id, max(weight) AS weight FROM (
            SELECT document_id, weight FROM search_champions
            WHERE is_grown AND org_id = org AND lexeme = word
            UNION ALL
            SELECT document_id, ts_rank(search_vector, asked, 1) FROM document_search
            WHERE NOT is_grown AND org_id = org AND NOT is_deleted AND search_vector @@ asked
        ) AS candidates
        GROUP BY document_id ORDER BY weight DESC, document_id DESC LIMIT most
    ), old AS (
        DELETE FROM search_champions WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM search_champions WHERE org_id = org AND lexeme = word FOR UPDATE SKIP LOCKED
        ))
    ), new AS (
        INSERT INTO search_champions (org_id, lexeme, weight, document_id)
        SELECT org, word, weight, document_id FROM best
    )
    SELECT count(*), min(weight) INTO listed, least FROM best;
    UPDATE search_lexemes
    SET threshold = CASE WHEN listed < most THEN 0 ELSE least END, is_listed = true, is_due = false
    WHERE org_id = org AND lexeme = word;
    RETURN true;
END
$$
"""


def downgrade() -> None:
    for event in TRIGGERS:
        op.execute(f"DROP TRIGGER champions_after_{event.lower()} ON document_search")
        op.execute(f"DROP FUNCTION dms_search_row_{event.lower()}()")
    for name in ("gather", "count", "enlist"):
        op.execute(f"DROP FUNCTION dms_search_{name}")
    for table in ("search_champions", "search_lexemes", "search_statistics"):
        op.drop_table(table)
    op.execute(PENDING.format(4096))
