"""A shop's secrets: made once and whole, private, never quietly replaced."""

import os
import stat
from pathlib import Path

import pytest

from tidegate.access.secrets import (
    FILE_NAMES,
    SecretsUnusable,
    copy_secrets,
    create_secrets,
    load_secrets,
    missing_secrets,
    open_secrets,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store" / "shops" / "own" / "secrets"


def test_they_are_made_once_private_and_different(folder: Path) -> None:
    made = open_secrets(folder, store_is_new=True)
    assert open_secrets(folder, store_is_new=False) == made
    assert open_secrets(folder, store_is_new=True) == made
    values = {(folder / name).read_bytes() for name in FILE_NAMES}
    assert len(values) == 5
    assert {len(value) for value in values} == {32}
    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in FILE_NAMES} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert sorted(file.name for file in folder.iterdir()) == sorted(FILE_NAMES)


def test_each_secret_is_the_one_of_its_file(folder: Path) -> None:
    made = create_secrets(folder)
    assert made.order_id_key == (folder / "order_id.key").read_bytes()
    assert made.identity_key == (folder / "identity.key").read_bytes()
    assert made.table_seed == (folder / "table.seed").read_bytes()
    assert made.salt_key == (folder / "salt.key").read_bytes()
    assert made.signing_key == (folder / "signing.key").read_bytes()


def test_printing_them_shows_nothing(folder: Path) -> None:
    made = create_secrets(folder)
    assert repr(made) == str(made) == "ShopSecrets(...)"


@pytest.mark.parametrize("lost", FILE_NAMES)
@pytest.mark.parametrize("store_is_new", [True, False])
def test_some_missing_is_a_refusal_that_names_them(
    folder: Path, lost: str, store_is_new: bool
) -> None:
    create_secrets(folder)
    (folder / lost).unlink()
    with pytest.raises(SecretsUnusable, match=f"lacks {lost}.*backup"):
        open_secrets(folder, store_is_new=store_is_new)
    with pytest.raises(SecretsUnusable, match="not empty; secrets are never overwritten"):
        create_secrets(folder)
    assert missing_secrets(folder) == [lost]


def test_all_missing_is_a_refusal_once_the_shop_was_used(folder: Path) -> None:
    with pytest.raises(SecretsUnusable, match="this shop has been used"):
        open_secrets(folder, store_is_new=False)
    assert not folder.exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777])
def test_secrets_that_others_can_read_are_refused(folder: Path, mode: int) -> None:
    create_secrets(folder)
    (folder / "salt.key").chmod(mode)
    with pytest.raises(SecretsUnusable, match=rf"mode {mode:03o}.*chmod 600 .*salt\.key"):
        load_secrets(folder)


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33])
def test_secrets_of_the_wrong_length_are_refused(folder: Path, content: bytes) -> None:
    create_secrets(folder)
    (folder / "table.seed").write_bytes(content)
    with pytest.raises(SecretsUnusable, match=f"has {min(len(content), 33)} bytes where 32 belong"):
        load_secrets(folder)


def test_a_link_is_not_a_secret(folder: Path) -> None:
    create_secrets(folder)
    (folder / "salt.key").unlink()
    (folder / "salt.key").symlink_to(folder / "table.seed")
    with pytest.raises(SecretsUnusable, match="cannot be read"):
        load_secrets(folder)


def test_what_a_crash_left_half_made_is_not_used(folder: Path) -> None:
    making = folder.with_name("secrets.making")
    making.mkdir(parents=True)
    (making / "salt.key").write_bytes(b"half")
    made = open_secrets(folder, store_is_new=True)
    assert load_secrets(folder) == made
    assert not making.exists()


def test_they_are_backed_up_outside_the_store_and_restored(folder: Path, tmp_path: Path) -> None:
    made = create_secrets(folder)
    store, backup = tmp_path / "store", tmp_path / "safe" / "own"
    copy_secrets(folder, backup, store=store)
    assert load_secrets(backup) == made
    with pytest.raises(SecretsUnusable, match="never overwritten"):
        copy_secrets(backup, folder, store=store)
    for name in FILE_NAMES:
        (folder / name).unlink()
    folder.rmdir()
    copy_secrets(backup, folder, store=store)
    assert open_secrets(folder, store_is_new=False) == made


def test_a_backup_inside_the_store_is_refused(folder: Path, tmp_path: Path) -> None:
    create_secrets(folder)
    with pytest.raises(SecretsUnusable, match="lies inside the store"):
        copy_secrets(folder, tmp_path / "store" / "backup", store=tmp_path / "store")


def test_the_system_is_asked_for_all_the_randomness(folder: Path) -> None:
    asked: list[int] = []

    def random_bytes(count: int) -> bytes:
        asked.append(count)
        return os.urandom(count)

    create_secrets(folder, random_bytes)
    assert asked == [32] * 5
