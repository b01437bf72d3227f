"""A directory: OpenLDAP's slapd, with people and groups in it, over LDAP, StartTLS and LDAPS."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from backend.identity.ldap.directory import Connection, Server
from backend.launch.valkey import free_port

BASE = "dc=example,dc=org"
SERVICE = f"cn=dms,{BASE}"
PASSWORD = "the password of the service"
_ROOT_PASSWORD = "root-of-the-tests"
_PATIENCE = 60.0

_CONFIGURATION = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb.so
moduleload memberof.so
pidfile {home}/pid
TLSCertificateFile {home}/cert.pem
TLSCertificateKeyFile {home}/key.pem
database mdb
suffix "{base}"
rootdn "cn=root,{base}"
rootpw {password}
directory {home}/data
overlay memberof
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{service}" read by * none
"""

_ENTRIES = """
dn: {base}
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: {service}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: dms
userPassword: {password}

dn: ou=people,{base}
objectClass: organizationalUnit
ou: people

dn: ou=groups,{base}
objectClass: organizationalUnit
ou: groups
"""


@dataclass(frozen=True)
class Slapd:
    """A running directory."""

    home: Path
    plain_port: int
    tls_port: int

    @property
    def url(self) -> str:
        return f"ldap://localhost:{self.plain_port}"

    @property
    def tls_url(self) -> str:
        return f"ldaps://localhost:{self.tls_port}"

    def add_group(self, cn: str, *uids: str) -> None:
        """Add a group of people, who then know that they are in it (memberOf)."""
        root = Connection(Server(self.url), f"cn=root,{BASE}", _ROOT_PASSWORD, auto_bind=True)
        members = [f"uid={uid},ou=people,{BASE}" for uid in uids]
        attributes = {"cn": cn, "member": members}
        assert root.add(f"cn={cn},ou=groups,{BASE}", "groupOfNames", attributes), root.result
        root.unbind()

    def add_person(self, uid: str, password: str) -> None:
        """Add a person."""
        attributes = {
            "cn": "Grace Hopper",
            "sn": "Hopper",
            "mail": f"{uid}@example.org",
            "userPassword": password,
        }
        root = Connection(Server(self.url), f"cn=root,{BASE}", _ROOT_PASSWORD, auto_bind=True)
        assert root.add(f"uid={uid},ou=people,{BASE}", "inetOrgPerson", attributes), root.result
        root.unbind()

    def remove_person(self, uid: str) -> None:
        """Remove a person, as whoever leaves is removed."""
        root = Connection(Server(self.url), f"cn=root,{BASE}", _ROOT_PASSWORD, auto_bind=True)
        assert root.delete(f"uid={uid},ou=people,{BASE}"), root.result
        root.unbind()

    @property
    def certificate(self) -> Path:
        return self.home / "cert.pem"


def person(uid: str, password: str, *, cn: str = "Grace Hopper", mail: str | None = None) -> str:
    """Return the entry of a person in LDIF."""
    return (
        f"dn: uid={uid},ou=people,{BASE}\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: {cn}\n"
        f"sn: {cn.rsplit(maxsplit=1)[-1]}\nmail: {mail or f'{uid}@example.org'}\nuserPassword: {password}\n"
    )


@contextmanager
def slapd(home: Path, *entries: str) -> Iterator[Slapd]:
    """Run a directory with these entries."""
    program = shutil.which("slapd", path="/usr/sbin:/usr/lib/openldap:/usr/libexec")
    assert program, "the tests need slapd: tools/install-test-packages"
    (home / "data").mkdir(parents=True)
    configuration = home / "slapd.conf"
    settings = {"home": home, "base": BASE, "service": SERVICE, "password": _ROOT_PASSWORD}
    configuration.write_text(_CONFIGURATION.format(**settings))
    _make_certificate(home)
    first = _ENTRIES.format(base=BASE, service=SERVICE, password=PASSWORD)
    ldif = home / "entries.ldif"
    ldif.write_text("\n".join([first, *entries]))
    add = [program.removesuffix("slapd") + "slapadd", "-f", configuration, "-l", ldif]
    subprocess.run(add, check=True, capture_output=True)
    running = Slapd(home, free_port(), free_port())
    command = [program, "-d", "0", "-f", configuration, "-h", f"{running.url} {running.tls_url}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            _await(running, process)
            yield running
        finally:
            process.terminate()


def _make_certificate(home: Path) -> None:
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", home / "key.pem", "-out", home / "cert.pem"]
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            *subject,
            *files,
        ],
        check=True,
        capture_output=True,
    )


def _listens(running: Slapd) -> bool:
    with suppress(OSError):
        for port in (running.plain_port, running.tls_port):
            socket.create_connection(("localhost", port), timeout=5).close()
        return True
    return False


def _await(running: Slapd, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + _PATIENCE
    while time.monotonic() < ends:
        assert process.poll() is None, "slapd ended"
        # It says that it runs before it listens.
        if (running.home / "pid").exists() and _listens(running):
            return
        time.sleep(0.05)
    raise AssertionError("slapd did not start")
