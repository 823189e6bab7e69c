"""What the environment decides: where the data lie and which database server keeps them."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import platformdirs
from msgspec import Struct

DEFAULT_POOL_SIZE = 16
_SECRETS = ("database_url", "migrate_url", "dadata_token", "fns_contact")


class SettingsError(Exception):
    """A setting that can't be used. The message (Russian) names the variable."""


class Settings(Struct, frozen=True, kw_only=True):
    data_dir: Path
    database_url: str | None = None
    migrate_url: str | None = None
    pool_size: int = DEFAULT_POOL_SIZE
    pg_bin: Path | None = None
    pg_user: str | None = None
    dadata_token: str | None = None
    dadata_url: str | None = None
    notary_dir: Path | None = None
    fns_contact: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read CKR_DATA_DIR, DATABASE_URL, CKR_MIGRATE_DATABASE_URL (both also as …_FILE), CKR_POOL_SIZE,
        CKR_PG_BIN, CKR_PG_USER, CKR_DADATA_TOKEN (also as …_FILE), CKR_DADATA_URL, CKR_NOTARY_DIR (default: `notary`
        in the data folder) and CKR_FNS_CONTACT (surname, given name, patronymic); an empty value counts as absent.

        `migrate_url` is `database_url` unless set. Raises SettingsError.
        """
        given = {name: value for name, value in (os.environ if environ is None else environ).items() if value}
        database_url = _secret(given, "DATABASE_URL")
        return cls(
            data_dir=_path(given.get("CKR_DATA_DIR")) or _default_data_dir(),
            database_url=database_url,
            migrate_url=_secret(given, "CKR_MIGRATE_DATABASE_URL") or database_url,
            pool_size=_count(given, "CKR_POOL_SIZE", DEFAULT_POOL_SIZE),
            pg_bin=_path(given.get("CKR_PG_BIN")),
            pg_user=given.get("CKR_PG_USER"),
            dadata_token=_token(given, "CKR_DADATA_TOKEN"),
            dadata_url=_address(given, "CKR_DADATA_URL"),
            notary_dir=_path(given.get("CKR_NOTARY_DIR")),
            fns_contact=_person(given, "CKR_FNS_CONTACT"),
        )

    @property
    def notary_folder(self) -> Path:
        """Where the notary keeps its key and what it signed; better on another disk, as another user."""
        return self.notary_dir or self.data_dir / "notary"

    def __repr__(self) -> str:
        shown = {name: getattr(self, name) for name in self.__struct_fields__}
        hidden = {name: "…" for name in _SECRETS if shown[name]}
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in (shown | hidden).items())})"


def _default_data_dir() -> Path:
    # The server refuses to run as root, and the user it runs as can't enter root's private home.
    return Path("/var/lib/ckr-es") if os.geteuid() == 0 else platformdirs.user_data_path("ckr-es")


def _path(value: str | None) -> Path | None:
    return Path(value).expanduser().absolute() if value else None


def _address(given: Mapping[str, str], name: str) -> str | None:
    """A service that is sent secrets: over TLS, unless it is on this machine."""
    value = given.get(name)
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise SettingsError(f"{name}: адрес записан не по форме.") from None
    if parts.username is not None or parts.password is not None:
        raise SettingsError(f"{name}: имя и пароль в адресе не нужны, ключ задаёт CKR_DADATA_TOKEN.")
    local = host in ("127.0.0.1", "::1", "localhost")
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and local)):
        raise SettingsError(f"{name}: нужен адрес https://…, а задано «{value}».")
    return value


def _token(given: Mapping[str, str], name: str) -> str | None:
    """A secret that is sent in a header, which takes no other characters."""
    value = _secret(given, name)
    if value is not None and not (value.isascii() and value.isprintable() and " " not in value):
        raise SettingsError(f"{name}: в ключе могут быть только латинские буквы, цифры и знаки без пробелов.")
    return value


def _secret(given: Mapping[str, str], name: str) -> str | None:
    file = f"{name}_FILE"
    if file not in given:
        return given.get(name)
    if name in given:
        raise SettingsError(f"Заданы сразу {name} и {file}: оставьте что-то одно.")
    try:
        value = Path(given[file]).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as e:
        raise SettingsError(f"{file}: не удалось прочитать файл {given[file]}: {e}") from e
    if not value:
        raise SettingsError(f"{file}: файл {given[file]} пуст.")
    return value


def _person(given: Mapping[str, str], name: str) -> tuple[str, ...]:
    parts = tuple(given.get(name, "").split())
    if parts and not (2 <= len(parts) <= 3 and all(part.isprintable() for part in parts)):
        raise SettingsError(f"{name}: нужны фамилия, имя и, если есть, отчество через пробел.")
    return parts


def _count(given: Mapping[str, str], name: str, default: int) -> int:
    value = given.get(name, str(default))
    if not (value.isascii() and value.isdigit() and int(value) > 0):
        raise SettingsError(f"{name}: нужно целое число больше нуля, а задано «{value}».")
    return int(value)
