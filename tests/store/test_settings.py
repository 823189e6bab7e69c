"""What the environment may say, and what is answered when it says nonsense."""

import os
from pathlib import Path

import pytest

from ckr_es.store.settings import Settings, SettingsError


def test_everything_has_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    settings = Settings.from_environment({})
    assert settings.data_dir.name == "ckr-es"
    assert settings.data_dir.is_absolute()
    assert settings == Settings(data_dir=settings.data_dir, pool_size=16)


def test_root_keeps_data_where_the_servers_user_can_enter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert Settings.from_environment({}).data_dir == Path("/var/lib/ckr-es")


def test_everything_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/anna")
    environment = {
        "CKR_DATA_DIR": "~/ckr",
        "DATABASE_URL": "postgresql://db/ckr",
        "CKR_MIGRATE_DATABASE_URL": "postgresql://owner@db/ckr",
        "CKR_POOL_SIZE": "4",
        "CKR_PG_BIN": "/opt/pg/bin",
        "CKR_PG_USER": "keeper",
        "CKR_NOTARY_DIR": "/srv/notary",
    }
    assert Settings.from_environment(environment) == Settings(
        data_dir=Path("/home/anna/ckr"),
        database_url="postgresql://db/ckr",
        migrate_url="postgresql://owner@db/ckr",
        pool_size=4,
        pg_bin=Path("/opt/pg/bin"),
        pg_user="keeper",
        notary_dir=Path("/srv/notary"),
    )


def test_the_process_environment_is_read_when_no_other_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CKR_POOL_SIZE", "3")
    assert Settings.from_environment().pool_size == 3


def test_empty_is_absent_and_migrations_use_the_same_url_unless_told() -> None:
    settings = Settings.from_environment(
        {"DATABASE_URL": "postgresql://db/ckr", "CKR_MIGRATE_DATABASE_URL": ""}
    )
    assert settings.migrate_url == "postgresql://db/ckr"
    assert Settings.from_environment({"DATABASE_URL": "", "CKR_POOL_SIZE": ""}).database_url is None


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://db/ckr\n")
    assert (
        Settings.from_environment({"DATABASE_URL_FILE": f"{tmp_path}/url"}).database_url
        == "postgresql://db/ckr"
    )


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"DATABASE_URL": "postgresql://a", "DATABASE_URL_FILE": "/b"}, "DATABASE_URL и DATABASE_URL_FILE"),
        ({"DATABASE_URL_FILE": "/no/such/file"}, "DATABASE_URL_FILE: .*/no/such/file"),
        ({"CKR_MIGRATE_DATABASE_URL_FILE": "/dev/null"}, "CKR_MIGRATE_DATABASE_URL_FILE: .* пуст"),
        ({"CKR_POOL_SIZE": "many"}, "CKR_POOL_SIZE: .*«many»"),
        ({"CKR_POOL_SIZE": "0"}, "CKR_POOL_SIZE"),
        ({"CKR_POOL_SIZE": "-1"}, "CKR_POOL_SIZE"),
        ({"CKR_POOL_SIZE": "٣"}, "CKR_POOL_SIZE"),
    ],
)
def test_nonsense_is_named(environment: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        Settings.from_environment(environment)


def test_the_look_up_service_is_reached_over_tls_or_on_this_machine(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t-1\n")
    given = Settings.from_environment(
        {"CKR_DADATA_TOKEN_FILE": str(tmp_path / "token"), "CKR_DADATA_URL": "http://127.0.0.1:9/x"}
    )
    assert (given.dadata_token, given.dadata_url) == ("t-1", "http://127.0.0.1:9/x")
    for wrong in (
        "http://example.org/x",
        "http://localhost.example.org/x",
        "ftp://example.org",
        "example.org",
        "https://",
        "https://[example.org",
        "https://example.org:99999",
        "https://anna:pw@example.org",
    ):
        with pytest.raises(SettingsError, match="CKR_DADATA_URL"):
            Settings.from_environment({"CKR_DADATA_URL": wrong})


def test_secrets_are_not_shown() -> None:
    given = Settings.from_environment(
        {"DATABASE_URL": "postgresql://anna:pw@db/ckr", "CKR_DADATA_TOKEN": "t-1", "CKR_DATA_DIR": "/data"}
    )
    assert "pw" not in repr(given)
    assert "t-1" not in repr(given)
    assert "/data" in repr(given)


@pytest.mark.parametrize("token", ["тайна", "a b", "a\nb"])
def test_a_key_that_no_header_can_hold_is_refused_and_not_repeated(token: str) -> None:
    with pytest.raises(SettingsError, match="CKR_DADATA_TOKEN") as refused:
        Settings.from_environment({"CKR_DADATA_TOKEN": token})
    assert token not in str(refused.value)


def test_who_answers_for_files_to_the_fns_is_two_or_three_names_and_not_shown() -> None:
    given = Settings.from_environment({"CKR_FNS_CONTACT": "Белых  Егор Юрьевич"})
    assert given.fns_contact == ("Белых", "Егор", "Юрьевич")
    assert "Белых" not in repr(given)
    assert Settings.from_environment({}).fns_contact == ()
    with pytest.raises(SettingsError, match="CKR_FNS_CONTACT"):
        Settings.from_environment({"CKR_FNS_CONTACT": "Белых"})
