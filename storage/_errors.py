"""Every error the store raises, with the facts a caller may act on. No logic belongs here."""


class StoreError(Exception):
    """Anything the store reports; see the package docstring for the tree."""


class BlobNotFoundError(StoreError):
    """No blob with this digest is in this namespace."""

    def __init__(self, namespace: str, digest: bytes) -> None:
        super().__init__(f"no blob {digest.hex()} in namespace {namespace!r}")
        self.namespace = namespace
        self.digest = digest


class BlobDamagedError(StoreError):
    """The stored bytes are not what was written.

    ``part`` is one of ``file``, ``header``, ``key slot A``, ``key slot B``, ``frame``,
    ``index page``, ``index``, ``trailer``, ``content``; ``number`` is the zero-based frame or
    page, where the part has one.
    """

    def __init__(self, part: str, reason: str, *, number: int | None = None) -> None:
        where = part if number is None else f"{part} {number}"
        super().__init__(f"blob damaged in its {where}: {reason}")
        self.part = part
        self.reason = reason
        self.number = number


class UnsupportedVersionError(StoreError):
    """The bytes are of a format version, suite or option this program does not know."""


class WrongKeyError(StoreError):
    """The key given is not the one the data was sealed with, or is no key at all."""


class KeyringNotFoundError(StoreError):
    """There is no keyring file at the path."""

    def __init__(self, path: object) -> None:
        super().__init__(
            f"there is no keyring at {path}; a new store needs Keyring.create, "
            "an existing one needs its keyring restored from the backup"
        )


class KeyringExistsError(StoreError):
    """``Keyring.create`` never overwrites a keyring: with it every blob would be lost."""

    def __init__(self, path: object) -> None:
        super().__init__(f"a keyring already exists at {path}")


class KeyringDamagedError(StoreError):
    """The keyring file is not a keyring, or one of its entries fails its seal."""

    def __init__(self, path: object, reason: str) -> None:
        super().__init__(f"the keyring at {path} is damaged: {reason}; restore it from the backup")


class StoreFullError(StoreError):
    """The file system has no room, or a quota or file size limit was met; nothing was kept."""


class StoreUnavailableError(StoreError):
    """The operating system refused: read-only, not mounted, no permission, I/O error.

    Or the object store did, or it does not answer.
    """


class DraftNotFoundError(StoreError):
    """There is no draft of this name in this namespace."""

    def __init__(self, namespace: str, name: str) -> None:
        super().__init__(f"no draft {name} in namespace {namespace!r}")


class DraftBusyError(StoreError):
    """Somebody else has the draft open."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the draft {name} is being written by another")
