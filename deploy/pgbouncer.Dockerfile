# PgBouncer as Debian builds it. Its configuration is mounted (deploy/pgbouncer).
FROM debian:trixie-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends pgbouncer \
    && rm -rf /var/lib/apt/lists/*
# The package's own user.
USER postgres
ENTRYPOINT ["/usr/sbin/pgbouncer"]
CMD ["/etc/dms/pgbouncer.ini"]
