"""
What is plain to see without the SDK: keys in the environment, and whether it is needed at all.

The SDK takes half a second of start-up to find keys. Its precedence is kept: the variables win over
a profile that AWS_PROFILE names (botocore, ``credentials.create_credential_resolver``), which has
to exist all the same. Whatever is not surely plain is left to the SDK.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from pipeline.errors import PreflightError
from pipeline.table.http.endpoint import Endpoint, proxied
from pipeline.table.http.signing import Keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.table.aws.connection import ConnectionSettings

__all__ = ["MADE_UP", "Transport", "Wanted", "choose", "obstacle_of", "plain_keys"]

Transport = Literal["http", "sdk"]
Wanted = Literal["auto", "http", "sdk"]

MADE_UP: Final = "local"
"""Both keys where anything is taken for a key."""


_TOKENS: Final = ("AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN")
"""In the order in which the SDK looks; the first is what it was called once."""

_PROFILES: Final = ("AWS_DEFAULT_PROFILE", "AWS_PROFILE")

_UNUSUAL: Final = (
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
)
"""What changes how keys or an endpoint are used."""

_UNUSUAL_SETTINGS: Final = ("ca_bundle", "use_dualstack_endpoint", "use_fips_endpoint")
"""The same in the files of the AWS configuration, whoever's profile it stands in."""

_NAME: Final = re.compile(r"[A-Za-z0-9_.@+-]+")

_FILES: Final = (
    ("AWS_CONFIG_FILE", "~/.aws/config", "profile "),
    ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", ""),
)
"""Variable, default, and what stands before the name of a profile that is not the default."""


def plain_keys(settings: ConnectionSettings, environment: Mapping[str, str]) -> Keys | None:
    """
    Return the keys that the SDK would find, if that is sure without it; else None.

    That is for an endpoint and a region that are given. Only files of the AWS configuration are
    looked into, if they are there.
    """
    if settings.rehearsal:
        return Keys(MADE_UP, MADE_UP)
    access_key = environment.get("AWS_ACCESS_KEY_ID")
    secret_key = environment.get("AWS_SECRET_ACCESS_KEY")
    given = settings.endpoint and settings.region and access_key and secret_key
    if not given or any(environment.get(name) for name in _UNUSUAL):
        return None
    if not _configured_plainly(environment):
        return None
    token = next(filter(None, map(environment.get, _TOKENS)), None)
    return Keys(access_key or "", secret_key or "", token)


def _configured_plainly(environment: Mapping[str, str]) -> bool:
    """Tell whether the AWS configuration, as far as there is one, has nothing to say."""
    profile = next((environment[name] for name in _PROFILES if name in environment), None)
    known = profile is None
    if profile is not None and _NAME.fullmatch(profile) is None:
        return False  # it is read as a shell would, quotes and all
    for variable, usual, prefix in _FILES:
        try:
            text = Path(environment.get(variable) or usual).expanduser().read_text("utf-8")
        except FileNotFoundError:
            continue
        except (OSError, ValueError, RuntimeError):
            return False  # the SDK says what is wrong with it
        if any(setting in text for setting in _UNUSUAL_SETTINGS):
            return False
        if profile is not None:
            head = re.escape(profile if profile == "default" else f"{prefix}{profile}")
            known = known or re.search(rf"^\[{head}\]", text, re.MULTILINE) is not None
    return known


def choose(wanted: Wanted, obstacle: str) -> tuple[Transport, str]:
    """
    Return the transport for a definition that wants *wanted*, and why it is not our own, if so.

    *obstacle* is why our own cannot be used, "" if it can. Raise `PreflightError` if it was asked
    for by name.
    """
    if wanted == "sdk":
        return "sdk", ""
    if not obstacle:
        return "http", ""
    if wanted == "http":
        raise PreflightError(
            f"target.transport is http, but {obstacle}; set target.transport to auto or sdk"
        )
    return "sdk", obstacle


def obstacle_of(url: str) -> str:
    """Return why our own transport cannot go to *url*, "" if it can."""
    if proxied(url):
        return (
            "a proxy is set for the endpoint (HTTP_PROXY, HTTPS_PROXY), which only the SDK's "
            "transport can use; where it need not be used, name the host in NO_PROXY"
        )
    try:
        Endpoint.from_url(url)
    except PreflightError:
        return "the endpoint's URL is none that our own transport can read"
    return ""
