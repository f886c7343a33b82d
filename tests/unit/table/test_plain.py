"""What is plain to see without the SDK, held against what the SDK sees."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import BotoCoreError
from botocore.session import Session
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import PreflightError
from pipeline.table.aws.connection import ConnectionSettings
from pipeline.table.http.signing import Keys
from pipeline.table.plain import choose, obstacle_of, plain_keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.table.plain import Wanted

WHERE = ConnectionSettings("us-east-1", "http://127.0.0.1:8000", 2)
KEYS = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s3cr3t"}

CONFIG = "[default]\nregion = eu-west-1\n[profile known]\n[profile two words]\n[bare]\n"
CREDENTIALS = "[default]\naws_access_key_id = FILE\naws_secret_access_key = f\n[shared]\n"

environments = st.fixed_dictionaries(
    {},
    optional={
        "AWS_ACCESS_KEY_ID": st.sampled_from(["AKIA", ""]),
        "AWS_SECRET_ACCESS_KEY": st.sampled_from(["s3cr3t", ""]),
        "AWS_SESSION_TOKEN": st.sampled_from(["token", ""]),
        "AWS_SECURITY_TOKEN": st.sampled_from(["old token", ""]),
        "AWS_PROFILE": st.sampled_from(["known", "shared", "default", "bare", "nope", ""]),
        "AWS_DEFAULT_PROFILE": st.sampled_from(["known", "nope", "two words", "kn.wn"]),
        "AWS_CREDENTIAL_EXPIRATION": st.just("2099-01-01T00:00:00Z"),
    },
)


def of_the_sdk(environment: Mapping[str, str]) -> Keys | None:
    """Return what botocore finds; None where it refuses its configuration."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith("AWS_"):
                patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        session = Session()
        try:
            session.get_config_variable("region")
            found = session.get_component("credential_provider").load_credentials()
        except BotoCoreError:
            return None
        frozen = found.get_frozen_credentials()
    return Keys(frozen.access_key, frozen.secret_key, frozen.token)


@settings(max_examples=300)
@given(environment=environments, configured=st.booleans())
def test_plain_keys_are_those_that_the_sdk_finds(
    *, environment: dict[str, str], configured: bool
) -> None:
    """Whatever says which keys to use, nothing else is used; in doubt it is left to the SDK."""
    with TemporaryDirectory() as folder:
        files = {"AWS_CONFIG_FILE": CONFIG, "AWS_SHARED_CREDENTIALS_FILE": CREDENTIALS}
        for name, text in files.items():
            environment[name] = str(Path(folder, name))
            if configured:
                Path(folder, name).write_text(text)
        keys = plain_keys(WHERE, environment)

        if keys is not None:
            assert of_the_sdk(environment) == keys
        elif not {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"} & environment.keys():
            given = all(environment.get(name) for name in KEYS)
            assert not given or "AWS_CREDENTIAL_EXPIRATION" in environment


def test_what_is_not_given_is_asked_of_the_sdk(tmp_path: Path) -> None:
    """An endpoint, a region and both keys have to be there; a rehearsal needs none of them."""
    nowhere = {
        "AWS_CONFIG_FILE": str(tmp_path / "a"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "b"),
    }

    assert plain_keys(WHERE, KEYS | nowhere) == Keys("AKIA", "s3cr3t")
    assert plain_keys(replace(WHERE, endpoint=None), KEYS | nowhere) is None
    assert plain_keys(replace(WHERE, region=None), KEYS | nowhere) is None
    assert plain_keys(WHERE, nowhere) is None
    assert plain_keys(replace(WHERE, rehearsal=True), nowhere) == Keys("local", "local")


@pytest.mark.parametrize("setting", ["ca_bundle = /x", "use_fips_endpoint = true"])
@pytest.mark.parametrize("file", ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"])
def test_settings_that_change_a_connection_are_left_to_the_sdk(
    setting: str, file: str, tmp_path: Path
) -> None:
    """Certificates and other endpoints may stand in the files; also what cannot be read."""
    (tmp_path / "file").write_text(f"[default]\n{setting}\n")
    other = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}

    assert plain_keys(WHERE, KEYS | other) is not None
    assert plain_keys(WHERE, KEYS | other | {file: str(tmp_path / "file")}) is None
    assert plain_keys(WHERE, KEYS | other | {file: str(tmp_path)}) is None


@pytest.mark.parametrize("name", ["AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"])
def test_variables_that_change_a_connection_are_left_to_the_sdk(name: str) -> None:
    """As the same settings in a file."""
    other = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}

    assert plain_keys(WHERE, KEYS | other | {name: "true"}) is None


@pytest.mark.parametrize(
    ("wanted", "obstacle", "chosen"),
    [
        ("auto", "", ("http", "")),
        ("http", "", ("http", "")),
        ("sdk", "", ("sdk", "")),
        ("sdk", "a proxy", ("sdk", "")),
        ("auto", "a proxy", ("sdk", "a proxy")),
    ],
)
def test_the_choice(wanted: Wanted, obstacle: str, chosen: tuple[str, str]) -> None:
    """Our own where it can be, unless the SDK's is asked for."""
    assert choose(wanted, obstacle) == chosen


def test_our_own_by_name_where_it_cannot_be() -> None:
    """It is refused with the reason and what to do."""
    with pytest.raises(PreflightError, match=r"transport is http, but a proxy; set .* auto or sdk"):
        choose("http", "a proxy")


@pytest.mark.parametrize(
    ("variables", "url", "free"),
    [
        ({}, "http://h:1", True),
        ({"HTTP_PROXY": "http://p"}, "http://h:1", False),
        ({"HTTP_PROXY": "http://p"}, "https://h:1", True),
        ({"https_proxy": "http://p"}, "https://h", False),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "h"}, "https://h", True),
        ({"HTTPS_PROXY": "http://p", "no_proxy": ".example"}, "https://a.example", True),
        ({"ALL_PROXY": "http://p"}, "https://h", True),  # which the SDK does not know either
        ({}, "http://h/a b", False),
    ],
)
def test_obstacles(
    variables: dict[str, str], url: str, *, free: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy for this endpoint, as the SDK reads the variables, or a URL that is none."""
    for name in os.environ:
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert (obstacle_of(url) == "") == free
