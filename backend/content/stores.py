"""The store and the one behind it, as the settings name them."""

from pydantic import SecretStr

from backend.core.settings import Settings
from storage import Backend, BlobStore, Keyring, S3Credentials, open_backend


def open_store(settings: Settings, keyring: Keyring) -> BlobStore:
    """Open the store; what it does not have is read from the fallback, where there is one.

    Raises:
        ValueError: an address or its credentials are malformed.
        StoreUnavailableError: a directory cannot be made.
    """
    url = settings.storage_fallback_url
    fallback = None if url is None else _fallback(settings, url)
    level = settings.compression_level
    return BlobStore(_primary(settings), keyring, fallback=fallback, level=level)


def open_copy(settings: Settings, url: str, keyring: Keyring) -> BlobStore:
    """Open another copy of the store, to repair from, with the fallback's credentials.

    Raises:
        ValueError: the address or the credentials are malformed.
        StoreUnavailableError: a directory cannot be made.
    """
    return BlobStore(_fallback(settings, url), keyring)


def _primary(settings: Settings) -> Backend:
    return _open(
        settings,
        "DMS_STORAGE",
        settings.storage_url or settings.store_dir.as_uri(),
        settings.storage_access_key_id,
        settings.storage_secret_access_key,
    )


def _fallback(settings: Settings, url: str) -> Backend:
    return _open(
        settings,
        "DMS_STORAGE_FALLBACK",
        url,
        settings.storage_fallback_access_key_id,
        settings.storage_fallback_secret_access_key,
    )


def _open(
    settings: Settings, name: str, url: str, key_id: str | None, secret: SecretStr | None
) -> Backend:
    if (key_id is None) != (secret is None):
        message = f"{name}_ACCESS_KEY_ID and {name}_SECRET_ACCESS_KEY belong together"
        raise ValueError(message)
    credentials = (
        None
        if key_id is None or secret is None
        else S3Credentials(key_id, secret.get_secret_value())
    )
    try:
        return open_backend(
            url, credentials, locks=settings.store_locks_dir, drafts=settings.drafts_dir
        )
    except ValueError as error:
        message = f"{name}_URL: {error}"
        raise ValueError(message) from error
