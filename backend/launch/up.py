"""`dms up`: everything on one machine, from an empty data directory or one that was used before."""

import asyncio
import socket
from functools import partial
from importlib.metadata import version

from backend.core.settings import Settings
from backend.launch.console import BOLD, RED, Console
from backend.launch.errors import LaunchError
from backend.launch.installation import FirstAdministrator, MasterKey, provide_master_key
from backend.launch.layout import DataDirectory
from backend.launch.services import children, readiness
from backend.launch.supervisor import Supervisor, exclusive, serve


def up(settings: Settings) -> int:
    """Run the service until it is asked to stop, and return the exit status: 1 if it could not start."""
    console = Console()
    try:
        data = DataDirectory.at(settings.data_dir)
        with exclusive(data.run / "lock", address=address(settings)) as lock:
            console.say(f"DMS Enterprise {version('dms-enterprise')}, data in {data.root}\n")
            _require_free_port(settings)
            key = provide_master_key(settings, data)
            _announce_key(console, key)
            administrator = FirstAdministrator(settings, data)
            supervisor = Supervisor(
                children(settings, data, key, administrator),
                logs=data.logs,
                console=console,
                lock=lock,
            )
            welcome = partial(_welcome, settings, administrator, console)
            asyncio.run(serve(supervisor, console, welcome))
    except LaunchError as error:
        console.say(f"\n{error}", colour=RED)
        return 1
    finally:
        console.close()
    return 0


def address(settings: Settings) -> str:
    """Return the address that people open."""
    if settings.public_url is not None:
        return settings.public_url
    host = "localhost" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104 - compared
    return f"http://{host}:{settings.port}"


def _require_free_port(settings: Settings) -> None:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            message = (
                f"The address {settings.host}, port {settings.port}, cannot be used ({error.strerror})."
                " Choose another with --port or DMS_PORT."
            )
            raise LaunchError(message) from error


def _announce_key(console: Console, key: MasterKey) -> None:
    if key.new_file is None:
        return
    console.say("An encryption key was made:", colour=BOLD)
    console.say(f"    {key.new_file}")
    console.say(
        "Keep a copy of this file, now, in a safe place away from this machine.", colour=BOLD
    )
    console.say("Without it no document can ever be read again, not even from a backup.\n")


async def _welcome(
    settings: Settings, administrator: FirstAdministrator, console: Console, seconds: float
) -> None:
    console.say()
    scanner_problem = await asyncio.to_thread(_scanner_problem, settings)
    if scanner_problem is not None:
        console.say(f"Viruses are not being looked for: {scanner_problem}", colour=RED)
    console.say(f"Ready after {seconds:.1f} s. Ctrl-C stops everything.")
    console.say(f"Open {address(settings)}", colour=BOLD)
    password = administrator.password_to_show()
    if password is not None:
        console.say("and sign in (the password is shown only this once):")
        console.say(f"    e-mail    {settings.admin_email}")
        console.say(f"    password  {password}")
    console.say()
    administrator.forget()


def _scanner_problem(settings: Settings) -> str | None:
    dependencies = (readiness(settings) or {}).get("dependencies")
    scanner = dependencies.get("scanner") if isinstance(dependencies, dict) else None
    if not isinstance(scanner, dict) or scanner.get("status") == "ok":
        return None
    return str(scanner.get("detail"))
