"""Search: the text of versions, the searched row of each document, and what keeps it (docs/adr/0004-search-rows.md)."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.security import grant, protect

revision = "0002"
down_revision = "0001"

# ISO 639-1 codes and the Snowball stemmers that every supported server ships.
STEMMERS = {
    "ar": "arabic",
    "hy": "armenian",
    "eu": "basque",
    "ca": "catalan",
    "da": "danish",
    "nl": "dutch",
    "en": "english",
    "fi": "finnish",
    "fr": "french",
    "de": "german",
    "el": "greek",
    "hi": "hindi",
    "hu": "hungarian",
    "id": "indonesian",
    "ga": "irish",
    "it": "italian",
    "lt": "lithuanian",
    "ne": "nepali",
    "no": "norwegian",
    "nb": "norwegian",
    "nn": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "es": "spanish",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
    "yi": "yiddish",
}
# All that folded text can be parsed into.
ASCII_TOKENS = "asciiword, int, uint, float, sfloat, version"
OTHER_TOKENS = "word, numword"


def upgrade() -> None:
    _create_configurations()
    _create_tables()
    for function in (FOLD, SPLIT, NAME_KEY, FAMILY, _configuration_function(), QUERY, TAG):
        op.execute(function)
    for function in (TAG_QUERY, EXCERPTABLE, VECTOR, SYNC):
        op.execute(function)
    _create_triggers()
    op.execute("SELECT dms_search_sync(array_agg(id)) FROM documents")


def _create_configurations() -> None:
    """Make one configuration for each stemmer, and one that only folds. No stop words: phrases need them."""
    for name in ["simple", *sorted(set(STEMMERS.values()))]:
        dictionary = f"dms_{name}"
        template = "simple" if name == "simple" else f"snowball, language = {name}"
        op.execute(f"CREATE TEXT SEARCH DICTIONARY {dictionary} (template = {template})")
        op.execute(f'CREATE TEXT SEARCH CONFIGURATION {dictionary} (parser = "default")')
        mapping = f"ALTER TEXT SEARCH CONFIGURATION {dictionary} ADD MAPPING FOR"
        op.execute(f"{mapping} {ASCII_TOKENS} WITH {dictionary}")
        op.execute(f"{mapping} {OTHER_TOKENS} WITH unaccent, {dictionary}")


def _create_tables() -> None:
    op.create_table(
        "version_texts",
        sa.Column("version_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("page_count", sa.Integer(), nullable=True),
        sa.Column("truncated", sa.Boolean(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisations.id"], name=op.f("fk_version_texts_org_id")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["versions.id"],
            name=op.f("fk_version_texts_version_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("version_id", name=op.f("pk_version_texts")),
    )
    _compress("version_texts", "text")
    protect("version_texts")
    op.create_table(
        "search_languages",
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("configuration", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisations.id"], name=op.f("fk_search_languages_org_id")
        ),
        sa.PrimaryKeyConstraint("org_id", "configuration", name=op.f("pk_search_languages")),
    )
    protect("search_languages")
    _create_document_search()


def _compress(table: str, column: str) -> None:
    """Compress a column with lz4 where the server was built with it; the embedded one was not."""
    op.execute(
        f"""
DO $$ BEGIN
    IF 'lz4' = ANY (SELECT unnest(enumvals) FROM pg_settings WHERE name = 'default_toast_compression') THEN
        ALTER TABLE {table} ALTER COLUMN {column} SET COMPRESSION lz4;
    END IF;
END $$
"""  # noqa: S608  # names of our own
    )


def _create_document_search() -> None:
    op.create_table(
        "document_search",
        sa.Column("document_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version_id", sa.BigInteger(), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=False),
        sa.Column("acl_key", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("tags", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("is_deleted", sa.Boolean(), nullable=False),
        sa.Column("is_partial", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("search_vector", postgresql.TSVECTOR(), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["documents.id"],
            name=op.f("fk_document_search_document_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisations.id"], name=op.f("fk_document_search_org_id")
        ),
        sa.PrimaryKeyConstraint("document_id", name=op.f("pk_document_search")),
    )
    _compress("document_search", "search_vector")
    # Room on each page: trashing and restoring then touch no index (a heap-only update).
    op.execute("ALTER TABLE document_search SET (fillfactor = 90)")
    op.create_index(
        "ix_document_search_vector",
        "document_search",
        ["org_id", "acl_key", "search_vector"],
        postgresql_using="gin",
        postgresql_with={"fastupdate": "on", "gin_pending_list_limit": "4096"},
    )
    op.create_index(
        "ix_document_search_name_key",
        "document_search",
        ["org_id", "name_key"],
        postgresql_using="gin",
        postgresql_ops={"name_key": "gin_trgm_ops"},
    )
    op.create_index(
        "ix_document_search_newest",
        "document_search",
        ["org_id", sa.literal_column("created_at DESC"), sa.literal_column("document_id DESC")],
    )
    # No policy: under one, `@@` is evaluated behind it and cannot use the index.
    grant("document_search")


# What the parser gets to see: letters and digits of any script, and blanks. It knows file names, hosts, signed
# numbers and hyphenated compounds, and under some locales calls every character beyond ASCII a letter; "AB-1234/56"
# would become ab, -1234 and /56. Compatibility forms (ligatures, full width) are composed first; vowel points,
# tatweel, soft hyphens and zero-width characters vanish; letters that are written differently by position or habit
# become one. Marks without which Indic and Thai words would fall apart stay. Chinese and Japanese have no blanks
# between words: each character is a word, and what is searched for a phrase.
FOLD = r"""
CREATE FUNCTION dms_search_fold(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
SELECT CASE WHEN octet_length(value) = length(value) THEN
    regexp_replace(value, '[^a-zA-Z0-9 ]+', ' ', 'g')
ELSE
    regexp_replace(
        regexp_replace(
            translate(
                regexp_replace(
                    CASE WHEN value IS NFKC NORMALIZED THEN value ELSE normalize(value, NFKC) END,
                    '[\u00ad\u0300-\u036f\u0591-\u05c7\u0640\u064b-\u065f\u0670\u200b-\u200f\u2060\ufeff]', '', 'g'),
                'ςأإآٱىة', 'σاااايه'),
            '[^[:alnum:]\u093c\u094d\u09bc\u09cd\u0a3c\u0a4d\u0abc\u0acd'
            '\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0e31\u0e34-\u0e3a\u0e47-\u0e4e ]+',
            ' ', 'g'),
        '([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])', ' \1 ', 'g')
END
$$
"""

# InvoiceMarch2024 → Invoice March 2024
SPLIT = r"""
CREATE FUNCTION dms_search_split(name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
SELECT regexp_replace(
    name,
    '([[:lower:]])(?=[[:upper:]])|([[:upper:]])(?=[[:upper:]][[:lower:]])|([[:alpha:]])(?=[[:digit:]])|([[:digit:]])(?=[[:alpha:]])',
    '\1\2\3\4 ', 'g')
$$
"""

# Under a C locale pg_trgm sees ASCII letters and nothing else, so names are spelled in those: Greek, Cyrillic, Hebrew
# and Arabic letter by letter. It is a key for similarity, not a transliteration to be read.
NAME_KEY = """
CREATE FUNCTION dms_search_name_key(name text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE STRICT AS $$
SELECT btrim(CASE WHEN octet_length(key) = length(key) THEN key ELSE
    translate(key,
        'αβγδεζηθικλμνξοπρστυφχψω'
        'абвгдежзийклмнопрстуфхцчшщъыьэюяєіїґђјљњћџ'
        'אבגדהוזחטיךכלםמןנסעףפץצקרשת'
        'ابتثجحخدذرزسشصضطظعغفقكلمنهويءؤئپچژگک',
        'abgdezhqiklmncoprstufxyw'
        'abvgdejziiklmnoprstufhcqwwxyxeuaeiigdjlnhd'
        'abgdhvzxtykklmmnnsgppccqrwt'
        'abttjhhdzrzsxcdtzegfqklmnhwyawypjzgk')
END)
FROM (SELECT lower(unaccent(dms_search_fold(dms_search_split(left(name, 1000))))) AS key) AS folded
$$
"""

FAMILY = """
CREATE FUNCTION dms_media_family(media_type text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE
    WHEN media_type = 'application/pdf' THEN 'pdf'
    WHEN media_type IN ('message/rfc822', 'application/vnd.ms-outlook', 'application/mbox') THEN 'email'
    WHEN media_type ~ '(spreadsheet|excel|text/csv|text/tab-separated-values)' THEN 'spreadsheet'
    WHEN media_type ~ '(presentation|powerpoint)' THEN 'presentation'
    WHEN media_type ~ '(msword|wordprocessing|opendocument[.]text|/rtf|ms-word|epub)' THEN 'document'
    WHEN media_type ~ '(zip|x-tar|gzip|x-7z|x-rar|vnd[.]rar|x-bzip2|x-xz|zstd)' THEN 'archive'
    WHEN media_type LIKE 'image/%' THEN 'image'
    WHEN media_type LIKE 'audio/%' THEN 'audio'
    WHEN media_type LIKE 'video/%' THEN 'video'
    WHEN media_type LIKE 'text/%' OR media_type IN ('application/json', 'application/xml') THEN 'text'
    ELSE 'other'
END
$$
"""


def _configuration_function() -> str:
    """Return the function from a language code (`de`, `de-AT`) to the configuration that stems it."""
    cases = " ".join(f"WHEN '{code}' THEN 'dms_{name}'" for code, name in STEMMERS.items())
    return f"""
CREATE FUNCTION dms_search_configuration(language text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE lower(split_part(coalesce(language, ''), '-', 1)) {cases} ELSE 'dms_simple' END
$$
"""


# One term of a query: its words next to each other, exactly or stemmed in one of the languages.
QUERY = """
CREATE FUNCTION dms_search_query(words text, configurations text[], is_prefix boolean) RETURNS tsquery
LANGUAGE sql STABLE PARALLEL SAFE AS $$
WITH folded AS (SELECT dms_search_fold(words) AS value)
SELECT coalesce(string_agg(DISTINCT '(' || variant || ')', ' | '), '')::tsquery
FROM (
    SELECT phraseto_tsquery(configuration::regconfig, value)::text AS variant
    FROM folded, unnest(array_prepend('dms_simple', configurations)) AS configuration
    WHERE value ~ '[^ ]'
    UNION ALL
    SELECT phraseto_tsquery('dms_simple', value)::text || ':*' FROM folded WHERE is_prefix AND value ~ '[^ ]'
) AS variants
WHERE variant NOT IN ('', ':*')
$$
"""

TAG = r"""
CREATE FUNCTION dms_search_tag(tag text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$ SELECT 'tag=' || lower(left(tag, 200)) $$
"""

TAG_QUERY = r"""
CREATE FUNCTION dms_search_tag_query(tag text) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
SELECT ('''' || replace(replace(dms_search_tag(tag), '\', '\\'), '''', '''''') || '''')::tsquery
$$
"""

# The beginning of a text as snippets are cut from it: readable, yet parsed into the words dms_search_fold makes. U+0001
# around what is no letter or digit keeps the parser from seeing file names and the like; it is taken out of the
# snippet. In ASCII it is needed only where such a character touches the next word. Control characters of the text
# itself go: U+0002 and U+0003 mark the hits.
EXCERPTABLE = r"""
CREATE FUNCTION dms_search_excerptable(body text, size integer) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
SELECT CASE WHEN octet_length(start) = length(start) THEN
    regexp_replace(
        regexp_replace(start, '[\u0001-\u0008\u000b\u000c\u000e-\u001f\u007f]', '', 'g'),
        '([^a-zA-Z0-9\s])(?=[a-zA-Z0-9])', E'\\1\x01', 'g')
ELSE
    regexp_replace(
        regexp_replace(
            CASE WHEN start IS NFKC NORMALIZED THEN start ELSE normalize(start, NFKC) END,
            '[\u0001-\u0008\u000b\u000c\u000e-\u001f\u007f\u00ad\u200b-\u200f\u2060\ufeff]', '', 'g'),
        '([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]|[^[:alnum:][:space:]])',
        E'\x01\\1\x01', 'g')
END
FROM (SELECT left(body, size) AS start) AS beginning
$$
"""

# A tsvector ends at one megabyte: where the text does not fit, half as much of it is tried, and so on. The stems keep
# their positions, for phrases and ranking; the exact forms need none, and are made without the parser, which takes most
# of the time: folded text is words between blanks. Tags are also lexemes of their own kind (`tag=…`, which no word can
# be), so that the one index finds them; every 16th and every 256th document says so, an unbiased sample for estimates.
VECTOR = """
CREATE FUNCTION dms_search_vector(
    document_id bigint, name text, tags text[], properties jsonb, body text, language text,
    OUT vector tsvector, OUT is_partial boolean
)
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    configuration regconfig := dms_search_configuration(language);
    is_stemmed boolean := configuration <> 'dms_simple'::regconfig;
    folded_name text := dms_search_fold(left(name, 1000)) || ' ' || dms_search_fold(dms_search_split(left(name, 1000)));
    labels text := dms_search_fold(left(concat_ws(' ', array_to_string(tags, ' '), (
        SELECT string_agg(value, ' ')
        FROM jsonb_each_text(CASE jsonb_typeof(properties) WHEN 'object' THEN properties ELSE '{}' END)
    )), 20000));
    marks text[] := array(SELECT dms_search_tag(tag) FROM unnest(tags) AS tag WHERE tag <> '');
    size integer := 1000000;
    folded text;
    exact text;
    head tsvector;
BEGIN
    IF hashint8extended(document_id, 0) & 15 = 0 THEN marks := marks || 'sample=16'::text; END IF;
    IF hashint8extended(document_id, 0) & 255 = 0 THEN marks := marks || 'sample=256'::text; END IF;
    head := setweight(to_tsvector('dms_simple', folded_name), 'A')
        || setweight(to_tsvector('dms_simple', labels), 'B')
        || array_to_tsvector(marks);
    IF is_stemmed THEN
        head := head || setweight(to_tsvector(configuration, folded_name), 'A')
            || setweight(to_tsvector(configuration, labels), 'B');
    END IF;
    WHILE body <> '' AND size >= 1000 LOOP
        BEGIN
            -- What has no blank for so long is no word.
            folded := regexp_replace(dms_search_fold(left(body, size)), '[^ ]{255,}', ' ', 'g');
            vector := head || to_tsvector(configuration, folded);
            IF is_stemmed THEN
                exact := lower(unaccent(folded));
                IF octet_length(exact) > 1000000 THEN
                    RAISE program_limit_exceeded;
                END IF;
                vector := vector || array_to_tsvector(array_remove(string_to_array(exact, ' '), ''));
            END IF;
            is_partial := length(body) > size;
            RETURN;
        EXCEPTION WHEN program_limit_exceeded THEN
            size := size / 2;
        END;
    END LOOP;
    vector := head;
    is_partial := coalesce(body, '') <> '';
END
$$
"""

# Writes the rows of some documents anew. The documents are locked first: whoever waits here reads what the other wrote,
# name or text, and neither overwrites the other's half.
SYNC = """
CREATE FUNCTION dms_search_sync(ids bigint[]) RETURNS void
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
    CROSS JOIN LATERAL dms_search_vector(d.id, d.name, d.tags, d.properties, t.text, t.language) AS made
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

TRIGGERS = (
    (
        "document_inserted",
        """
    PERFORM dms_search_sync((SELECT array_agg(id) FROM new_rows WHERE current_version_id IS NOT NULL));
""",
    ),
    (
        "document_updated",
        # A move, the trash and a restore change no word: the vector stays.
        """
    PERFORM dms_search_sync((
        SELECT array_agg(n.id) FROM new_rows AS n JOIN old_rows AS o USING (id)
        WHERE n.current_version_id IS NOT NULL
          AND (n.current_version_id, n.name, n.tags, n.properties)
              IS DISTINCT FROM (o.current_version_id, o.name, o.tags, o.properties)
    ));
    UPDATE document_search AS s
    SET acl_key = n.folder_id, is_deleted = n.deleted_at IS NOT NULL, owner_id = n.owner_id, created_at = n.created_at
    FROM new_rows AS n
    WHERE s.document_id = n.id
      AND (s.acl_key, s.is_deleted, s.owner_id, s.created_at)
          IS DISTINCT FROM (n.folder_id, n.deleted_at IS NOT NULL, n.owner_id, n.created_at);
""",
    ),
    (
        "text_written",
        """
    INSERT INTO search_languages (org_id, configuration)
    SELECT DISTINCT org_id, dms_search_configuration(language) FROM new_rows
    EXCEPT SELECT org_id, configuration FROM search_languages
    ON CONFLICT DO NOTHING;
    PERFORM dms_search_sync((
        SELECT array_agg(v.document_id) FROM new_rows AS n JOIN versions AS v ON v.id = n.version_id
        JOIN documents AS d ON d.id = v.document_id AND d.current_version_id = v.id
    ));
""",
    ),
)


def _create_triggers() -> None:
    for name, body in TRIGGERS:
        op.execute(
            f"CREATE FUNCTION dms_search_{name}() RETURNS trigger LANGUAGE plpgsql "
            f"AS $$ BEGIN {body} RETURN NULL; END $$"
        )
    for table, event, function in (
        ("documents", "INSERT", "document_inserted"),
        ("documents", "UPDATE", "document_updated"),
        ("version_texts", "INSERT", "text_written"),
        ("version_texts", "UPDATE", "text_written"),
    ):
        old_rows = "OLD TABLE AS old_rows " if event == "UPDATE" else ""
        op.execute(
            f"CREATE TRIGGER search_after_{event.lower()} AFTER {event} ON {table} "
            f"REFERENCING {old_rows}NEW TABLE AS new_rows "
            f"FOR EACH STATEMENT EXECUTE FUNCTION dms_search_{function}()"
        )


def downgrade() -> None:
    for event in ("insert", "update"):
        op.execute(f"DROP TRIGGER search_after_{event} ON documents")
        op.execute(f"DROP TRIGGER search_after_{event} ON version_texts")
    for name, _ in TRIGGERS:
        op.execute(f"DROP FUNCTION dms_search_{name}()")
    for name in ("sync", "vector", "excerptable", "tag_query", "tag", "query"):
        op.execute(f"DROP FUNCTION dms_search_{name}")
    for name in ("configuration", "name_key", "split", "fold"):
        op.execute(f"DROP FUNCTION dms_search_{name}")
    op.execute("DROP FUNCTION dms_media_family")
    for table in ("document_search", "search_languages", "version_texts"):
        op.drop_table(table)
    for name in ["simple", *sorted(set(STEMMERS.values()))]:
        op.execute(f"DROP TEXT SEARCH CONFIGURATION dms_{name}")
        op.execute(f"DROP TEXT SEARCH DICTIONARY dms_{name}")
