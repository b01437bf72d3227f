"""A whole OpenStack Swift in one process, with its S3 interface: a program, started by `tests.support.s3`.

Swift ships as a dozen daemons with configuration files and rings; this puts its account, container and object
servers and its proxy, one of each, on ports of this machine that the system picks. Prints the proxy's.
"""

# ruff: noqa: E402 - eventlet demands to patch the standard library before anything of it is used
import eventlet

eventlet.monkey_patch()

import sys
from pathlib import Path

from eventlet import wsgi
from swift.account.server import AccountController
from swift.common import constraints, storage_policy, utils
from swift.common.ring.ring import RingData
from swift.common.utils import set_swift_dir
from swift.common.wsgi import SwiftHttpProtocol, loadapp
from swift.container.server import ContainerController
from swift.obj.server import ObjectController

SWIFT_CONF = """\
[swift-hash]
swift_hash_path_prefix = dms
swift_hash_path_suffix = tests
"""
MIDDLEWARE = (
    "catch_errors", "gatekeeper", "listing_formats", "bulk", "s3api", "tempauth", "slo", "dlo", "versioned_writes",
    "symlink",
)  # fmt: skip
PROXY_CONF = """\
[DEFAULT]
swift_dir = {directory}
[pipeline:main]
pipeline = {pipeline} proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
"""
OPTIONS = {
    "tempauth": "user_test_tester = {secret} .admin",
    "s3api": "max_upload_part_num = 10000",
    "slo": "max_manifest_segments = 10000",
}
PARTITION_BITS = 4
SERVERS = {
    "account": AccountController,
    "container": ContainerController,
    "object": ObjectController,
}


def main(directory: Path, secret: str) -> None:
    """Serve S3 for the user `test:tester`, with all data below `directory`, until killed."""
    configuration = _configure(directory, secret)
    listeners = {name: eventlet.listen(("127.0.0.1", 0)) for name in (*SERVERS, "proxy")}
    for name in SERVERS:
        _save_ring(directory / f"{name}.ring.gz", listeners[name].getsockname()[1])
    proxy = loadapp(str(directory / "proxy.conf"), global_conf=configuration)
    for name, controller in SERVERS.items():
        _serve(listeners[name], controller(configuration))
    _serve(listeners["proxy"], proxy)
    sys.stdout.write(f"{listeners['proxy'].getsockname()[1]}\n")
    sys.stdout.flush()
    while True:
        eventlet.sleep(3600)


def _configure(directory: Path, secret: str) -> dict[str, str]:
    (directory / "sda1").mkdir()
    (directory / "swift.conf").write_text(SWIFT_CONF)
    filters = [
        f"[filter:{name}]\nuse = egg:swift#{name}\n{OPTIONS.get(name, '').format(secret=secret)}\n"
        for name in MIDDLEWARE
    ]
    proxy = PROXY_CONF.format(directory=directory, pipeline=" ".join(MIDDLEWARE))
    (directory / "proxy.conf").write_text(proxy + "".join(filters))
    set_swift_dir(str(directory))
    constraints.reload_constraints()
    storage_policy.reload_storage_policies()
    return {
        "devices": str(directory),
        "swift_dir": str(directory),
        "mount_check": "false",
        "log_level": "ERROR",
    }


def _save_ring(path: Path, port: int) -> None:
    """A ring of one device on one server: every partition lies there."""
    device = {"id": 0, "region": 1, "zone": 1, "device": "sda1", "ip": "127.0.0.1", "port": port}
    everywhere = [[0] * 2**PARTITION_BITS]
    RingData(everywhere, [device], 32 - PARTITION_BITS).save(str(path))


def _serve(listener: eventlet.greenio.GreenSocket, application: object) -> None:
    null = utils.NullLogger()
    eventlet.spawn(wsgi.server, listener, application, null, protocol=SwiftHttpProtocol)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
