#!/bin/bash
# Runs once, in the empty cluster of the `postgres` image (/docker-entrypoint-initdb.d): the roles, the database, the
# extensions. Tables are the migrations' business. The same as backend/launch/postgres.py makes on one machine.
set -euo pipefail
secrets=${DMS_SECRETS_DIR:-/run/secrets}

psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    --set owner_password="$(cat "$secrets/dms_owner_password")" \
    --set app_password="$(cat "$secrets/dms_app_password")" <<'SQL'
-- Owns the database and its tables; migrations run as this role.
CREATE ROLE dms_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'owner_password';
-- What the service runs as: neither owner nor exempt from row-level security.
CREATE ROLE dms_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'app_password';
CREATE DATABASE dms OWNER dms_owner;
REVOKE ALL ON DATABASE dms FROM PUBLIC;
GRANT CONNECT ON DATABASE dms TO dms_app;
\connect dms
CREATE EXTENSION pg_trgm;
CREATE EXTENSION unaccent;
CREATE EXTENSION btree_gin;
CREATE EXTENSION ltree;
CREATE EXTENSION citext;
SQL
