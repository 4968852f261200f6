"""A name of a secret is known in any spelling, and others are left alone."""

from __future__ import annotations

import pytest

from enterspan._model.secrets import DEFAULT_SECRETS, Secrets, without_userinfo


@pytest.mark.parametrize(
    "name",
    [
        *("password", "Password", "PASSWORD", "passwd", "pwd", "user_pwd", "newPassword"),
        *("password1", "user[password]", "PGPASSWORD", "db_pass", "pass", "passphrase"),
        *("token", "access_token", "accesstoken", "csrfToken", "X-Auth-Token", "tok%65n"),
        *("api-key", "x-api-key", "apikey", "API_KEY", "apiKey", "APIKey"),
        *("client-secret", "aws_secret_access_key", "MY_SECRET2", "private_key", "privateKey"),
        *("authorization", "Proxy-Authorization", "cookie", "Set-Cookie", "session", "session_id"),
        *("sid", "connect.sid", "jwt", "otp", "pin", "X-Amz-Signature", "sig", b"cookie"),
    ],
)
def test_a_secret_in_any_spelling(name: str) -> None:
    assert DEFAULT_SECRETS.hides(name)


@pytest.mark.parametrize(
    "name",
    [
        *("author", "authors", "%61uthor", "keyword", "monkey", "page", "opinion", "pinned"),
        *("side", "shipping", "secretary", "passenger", "compass", "pass_rate", "user", ""),
        *("input_tokens", "max_tokens", "gen_ai.usage.input_tokens", "token_count", "tokenize"),
        *(None, 3, ("token",)),
    ],
)
def test_a_name_that_is_no_secret(name: object) -> None:
    assert not DEFAULT_SECRETS.hides(name)


def test_names_of_a_program_are_secrets_in_any_spelling_too() -> None:
    secrets = DEFAULT_SECRETS.with_names(["plan_code", "Straße"])
    for name in ("planCode", "PLAN-CODE", "old_plan_code", "plancode", "strasse"):
        assert secrets.hides(name), name
    assert not secrets.hides("plan")
    assert secrets.hides("password")
    assert not DEFAULT_SECRETS.hides("plan_code")
    assert Secrets(["", "-"]).hides("anything") is False


def test_the_time_for_a_name_grows_with_its_length_only() -> None:
    """What is far from its end is not looked at; a client may send any name."""
    assert DEFAULT_SECRETS.hides("aB" * 100_000 + "_token")


@pytest.mark.parametrize(
    "query, shown",
    [
        ("a=1&token=x&b=2", "a=1&token=REDACTED&b=2"),
        ("token=x;pin=1", "token=REDACTED;pin=REDACTED"),
        ("p%61ssword=x", "p%61ssword=REDACTED"),
        ("code=x&key=y&sig=z&zip_code=1", "code=REDACTED&key=REDACTED&sig=REDACTED&zip_code=1"),
        ("token&a=&=x&&", "token&a=&=x&&"),
        ("token=a=b?secret=c", "token=REDACTED?secret=REDACTED"),
        ("%&%6=1&%zz=2", "%&%6=1&%zz=2"),
    ],
)
def test_the_values_of_secrets_are_left_out_of_a_query(query: str, shown: str) -> None:
    assert DEFAULT_SECRETS.clean_query(query) == shown


@pytest.mark.parametrize(
    "url, shown",
    [
        ("https://ada:pw@shop/cart?a=1", "https://shop/cart?a=1"),
        ("https://ada@shop:8443", "https://shop:8443"),
        ("postgresql+asyncpg://u:p%40@db/x", "postgresql+asyncpg://db/x"),
        ("redis://:pw@cache:6379/0", "redis://cache:6379/0"),
        ("https://shop/@ada", "https://shop/@ada"),
        ("https://shop?to=a@b", "https://shop?to=a@b"),
        ("http://a:b@c@host/", "http://host/"),
        ("mailto:ada@shop", "mailto:ada@shop"),
        ("say ://x@y", "say ://x@y"),
        ("", ""),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert without_userinfo(url) == shown
