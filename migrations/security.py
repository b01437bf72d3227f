"""What every new table needs: the application's privileges, and row-level security by organisation."""

from alembic import op
from sqlalchemy import make_url

from backend.core.settings import get_settings

_EVERYTHING = "SELECT, INSERT, UPDATE, DELETE"


def application_role() -> str:
    """Return the role the application connects as, quoted; it owns nothing."""
    username = make_url(str(get_settings().database_url)).username or "dms_app"
    return '"' + username.replace('"', '""') + '"'


def grant(table: str, privileges: str = _EVERYTHING) -> None:
    """Let the application use a table."""
    op.execute(f"GRANT {privileges} ON {table} TO {application_role()}")


def protect(table: str, *, also: str | None = None, privileges: str = _EVERYTHING) -> None:
    """Grant a table and show the application only the rows of the transaction's organisation.

    `also` widens what may be read (never written) by a further condition.
    """
    grant(table, privileges)
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY organisation ON {table} USING (org_id = dms_org_id()) WITH CHECK (org_id = dms_org_id())"
    )
    if also is not None:
        op.execute(f"CREATE POLICY also_readable ON {table} FOR SELECT USING ({also})")
