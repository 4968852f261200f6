"""A name of a secret is known in any spelling, and others are left alone."""

from __future__ import annotations

from typing import Any

import pytest

from enterspan import Tracing
from enterspan._model.secrets import DEFAULT_SECRETS, Secrets, without_userinfo
from enterspan.testing import capture


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
        ("jdbc:postgresql://u:pw@db/x", "jdbc:postgresql://db/x"),
        (" x-y.z://u:pw@db", " x-y.z://db"),
        ("mailto:ada@shop", "mailto:ada@shop"),
        ("say ://x@y", "say ://x@y"),
        ("a_b://u:pw@db", "a_b://db"),
        ("'redis://u:pw@cache' is down", "'redis://cache' is down"),
        ('connect to "redis://u:pw@cache", or a@b', 'connect to "redis://cache", or a@b'),
        ("http://h mail a@b", "http://h mail a@b"),
        ("http://h/x,a@b http://u@i", "http://h/x,a@b http://i"),
        ("http://u@h@http://u@i", "http://http://i"),
        ("@@http://@@@@", "@@http://"),
        ("a@http://h", "a@http://h"),
        ("postgres://u:p w@db/x", "postgres://db/x"),
        ("mongodb://u:p w@h1,h2", "mongodb://h1,h2"),
        ("postgres://u:p'(w@db", "postgres://db"),
        ('{"u":"https://a.org","m":"q@r.s"}', '{"u":"https://a.org","m":"q@r.s"}'),
        ('<a href="http://h">bob@x.org</a>', '<a href="http://h">bob@x.org</a>'),
        ("(+http://bot.example,bot@x.org)", "(+http://bot.example,bot@x.org)"),
        ("http://a.org,1,bob@x.org", "http://a.org,1,bob@x.org"),
        ("at redis://u:p,w@cache", "at redis://cache"),
        ("", ""),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert without_userinfo(url) == shown


def test_a_long_text_is_searched_as_far_as_it_is_shown() -> None:
    text, shown = "a://u@h " * 1_000, "a://h " * 1_000
    assert without_userinfo(text) == shown
    cleaned = without_userinfo(text, 120)
    assert cleaned[:120] == shown[:120]
    assert cleaned.endswith(text[-1_000:])


@pytest.mark.parametrize(
    "text, shown",
    [
        ("https://u:pw@h/p?token=x&a=1#sid=y", "https://h/p?token=REDACTED&a=1#sid=REDACTED"),
        ("https://u:pw@h see ?token=x", "https://h see ?token=x"),
        ("see https://h?token=x", "see https://h?token=x"),
        ("see https://u:pw@h", "see https://h"),
        ("?token=x", "?token=x"),
    ],
)
def test_a_text_that_is_a_url_is_shown_without_secrets(text: str, shown: str) -> None:
    assert DEFAULT_SECRETS.shown(text) == shown


URL = "postgres://olga:pw@db/shop"
SETTINGS = {
    "by keyword": lambda t, span: t.span("child", url=URL).__enter__().end(),
    "of a new span": lambda t, span: t.start_span("child", {"url": URL}).end(),
    "one by one": lambda t, span: span.set_attribute("url", URL),
    "after a long one": lambda t, span: span.set_attribute("a", "ö").set_attribute("url", URL),
    "together": lambda t, span: span.set_attributes({"url": URL}),
    "of an event": lambda t, span: span.add_event("e", url=URL),
    "of a link": lambda t, span: span.add_link(span.context, {"url": URL}),
    "of a log": lambda t, span: t.log("info", "m", url=URL),
}


@pytest.mark.parametrize("how", SETTINGS)
def test_a_url_has_no_password_wherever_a_program_records_it(how: str) -> None:
    tracing = Tracing("secrets")
    with capture(tracing) as trace, tracing.span("root") as span:
        SETTINGS[how](tracing, span)
    recorded = repr([trace.spans, trace.events])
    assert "postgres://db/shop" in recorded
    assert "olga" not in recorded


@pytest.mark.parametrize("wrap", [list, tuple, set, iter, lambda urls: {"all": list(urls)}])
def test_a_url_in_a_captured_container_has_no_secrets(wrap: Any) -> None:
    tracing = Tracing("secrets")

    @tracing.traced(capture_args=True, capture_return=True)
    def fetch(first: object, *others: object) -> object:
        return first

    url = "https://u:olga@shop/?token=olga&page=1"
    with capture(tracing) as trace:
        fetch(wrap((url,)), url, url)
    recorded = repr(trace.find("fetch").attributes)
    assert "page=1" in recorded
    assert "olga" not in recorded


def test_a_url_in_a_header_has_no_secrets() -> None:
    pairs = [("referer", "https://u:pw@h/?token=x&a=1"), ("cookie", "a=b"), ("accept", "*/*")]
    assert DEFAULT_SECRETS.clean_headers(pairs) == [
        ("referer", "https://h/?token=REDACTED&a=1"),
        ("cookie", "[redacted]"),
        ("accept", "*/*"),
    ]


def test_a_query_that_is_too_long_to_search_is_left_out() -> None:
    """Above 65,536 characters: the search takes time of the program's call."""
    assert DEFAULT_SECRETS.clean_query("a=b;" * 16_385) == "REDACTED"
    assert DEFAULT_SECRETS.clean_query("a=b;" * 16_384) == "a=b;" * 16_384
