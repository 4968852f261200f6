"""A service with W3C Trace Context, as its callers and those whom it calls see it.

The situations are those that the test suite of the working group puts a service into: headers come
in, and some requests go out, each with headers of its own.
https://github.com/w3c/trace-context/tree/main/test
"""

from __future__ import annotations

import re
import string

import pytest

from enterspan.testing import capture

TRACE = "12345678901234567890123456789012"
SPAN = "1234567890123456"
PARENT = f"00-{TRACE}-{SPAN}-01"
VALID = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


class Service:
    """Takes a request and makes others; tells what those carried."""

    def __init__(self, tracing):
        self.tracing = tracing

    def ask(self, headers, calls=1):
        """The headers of each request that goes out."""
        sent = []
        with capture(self.tracing), self.tracing.invocation("request", parent=headers):
            for _ in range(calls):
                with self.tracing.span("call"):
                    carrier = {}
                    self.tracing.inject(carrier)
                    sent.append(carrier)
        return sent

    def trace_id(self, headers):
        """The trace that the service goes on with."""
        (sent,) = self.ask(headers)
        trace_id, span_id = VALID.fullmatch(sent["traceparent"]).groups()
        assert int(trace_id, 16)
        assert int(span_id, 16)
        assert span_id != SPAN
        return trace_id

    def state(self, *values):
        """The `tracestate` that is sent on, of one that came in with a valid parent."""
        headers = [("traceparent", PARENT), *(("tracestate", value) for value in values)]
        (sent,) = self.ask(headers)
        assert VALID.fullmatch(sent["traceparent"])[1] == TRACE  # whatever the state, it is kept
        return sent.get("tracestate")


@pytest.fixture
def service(mine):
    return Service(mine)


def test_without_any_header_a_trace_begins(service):
    (sent,) = service.ask([])
    assert VALID.fullmatch(sent["traceparent"])
    assert "tracestate" not in sent


def test_a_trace_goes_on_under_a_new_span(service):
    assert service.trace_id([("traceparent", PARENT)]) == TRACE


def test_two_traceparents_are_none(service):
    other = TRACE[:-1] + "1"
    headers = [("traceparent", f"00-{other}-{SPAN}-01"), ("traceparent", PARENT)]
    assert service.trace_id(headers) not in (TRACE, other)


def test_two_that_are_the_same_are_none_as_well(service):
    assert service.trace_id([("traceparent", PARENT)] * 2) != TRACE


def test_two_in_different_case_are_none_as_well(service):
    assert service.trace_id({"traceparent": PARENT, "Traceparent": PARENT}) != TRACE


@pytest.mark.parametrize("name", ["trace-parent", "trace.parent", "trace_parent", "traceparents"])
def test_another_name_is_another_header(service, name):
    assert service.trace_id([(name, PARENT)]) != TRACE


@pytest.mark.parametrize("name", ["TraceParent", "TrAcEpArEnT", "TRACEPARENT"])
def test_case_does_not_matter_in_the_name(service, name):
    assert service.trace_id([(name, PARENT)]) == TRACE


@pytest.mark.parametrize(
    "value",
    [
        PARENT.replace("00-", "cc-", 1),
        PARENT.replace("00-", "cc-", 1) + "-what-the-future-will-be-like",
        f" {PARENT}",
        f"\t{PARENT}",
        f"{PARENT} ",
        f"{PARENT}\t",
        f"\t {PARENT} \t",
    ],
)
def test_what_is_read(service, value):
    assert service.trace_id([("traceparent", value)]) == TRACE


@pytest.mark.parametrize(
    "value",
    [
        # Version 00 has a fixed length.
        f"{PARENT}.",
        f"{PARENT}-what-the-future-will-be-like",
        # A later version has a dash before what is new in it.
        PARENT.replace("00-", "cc-", 1) + ".what-the-future-will-be-like",
        # The version: ff is forbidden, and it is two digits.
        f"ff-{TRACE}-{SPAN}-01",
        f".0-{TRACE}-{SPAN}-01",
        f"0.-{TRACE}-{SPAN}-01",
        f"000-{TRACE}-{SPAN}-01",
        f"0000-{TRACE}-{SPAN}-01",
        f"0-{TRACE}-{SPAN}-01",
        f"CC-{TRACE}-{SPAN}-01",
        # The trace id.
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-.{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE[:-1]}.-{SPAN}-01",
        f"00-{TRACE}3-{SPAN}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        # The parent id.
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-.{SPAN[1:]}-01",
        f"00-{TRACE}-{SPAN[:-1]}.-01",
        f"00-{TRACE}-{SPAN}7-01",
        f"00-{TRACE}-{SPAN[:-1]}-01",
        # The flags.
        f"00-{TRACE}-{SPAN}-.0",
        f"00-{TRACE}-{SPAN}-0.",
        f"00-{TRACE}-{SPAN}-001",
        f"00-{TRACE}-{SPAN}-1",
        # Two of them in one header, as some servers join them.
        f"{PARENT},{PARENT}",
        f"{PARENT}, {PARENT}",
    ],
)
def test_what_is_invalid_begins_a_new_trace_and_loses_its_state(service, value):
    headers = [("traceparent", value), ("tracestate", "foo=1")]
    assert service.trace_id(headers) not in (TRACE, "0" * 32)
    assert "tracestate" not in service.ask(headers)[0]


def test_a_state_without_a_parent_is_dropped(service):
    for state in ("foo=1", "foo=1,bar=2"):
        assert "tracestate" not in service.ask([("tracestate", state)])[0]


def test_a_state_is_sent_on(service):
    assert service.state("foo=1,bar=2") == "foo=1,bar=2"


@pytest.mark.parametrize("name", ["trace-state", "trace.state"])
def test_another_name_is_no_state(service, name):
    assert "tracestate" not in service.ask([("traceparent", PARENT), (name, "foo=1")])[0]


@pytest.mark.parametrize("name", ["TraceState", "TrAcEsTaTe", "TRACESTATE"])
def test_case_does_not_matter_in_the_name_of_the_state(service, name):
    assert service.ask([("traceparent", PARENT), (name, "foo=1")])[0]["tracestate"] == "foo=1"


@pytest.mark.parametrize(
    "values,sent",
    [
        ([""], None),
        (["foo=1", ""], "foo=1"),
        (["", "foo=1"], "foo=1"),
        (["foo=1,,,bar=2"], "foo=1,bar=2"),
        ([" , ,\t"], None),
        (["foo=1,bar=2", "rojo=1,congo=2", "baz=3"], "foo=1,bar=2,rojo=1,congo=2,baz=3"),
    ],
)
def test_headers_are_one_list_and_empty_members_are_nothing(service, values, sent):
    assert service.state(*values) == sent


@pytest.mark.parametrize(
    "values", [["foo=1,foo=1"], ["foo=1,foo=2"], ["foo=1", "foo=1"], ["foo=1", "foo=2"]]
)
def test_a_key_that_comes_twice_spoils_the_state(service, values):
    assert service.state(*values) is None


def test_every_character_that_is_allowed_is_kept(service):
    rest = string.ascii_lowercase + string.digits + "_-*/"
    value = "".join(c for c in map(chr, range(0x20, 0x7F)) if c not in ",=")
    for key in (rest, f"{rest}@a-z0-9_-*/"):
        assert service.state(f"{key}={value}") == f"{key}={value}"


@pytest.mark.parametrize(
    "value,sent",
    [
        ("foo=1 \t , \t bar=2, \t baz=3", "foo=1,bar=2,baz=3"),
        ("foo=1\t \t,\t \tbar=2,\t \tbaz=3", "foo=1,bar=2,baz=3"),
        (" foo=1", "foo=1"),
        ("\tfoo=1", "foo=1"),
        ("foo=1 ", "foo=1"),
        ("foo=1\t", "foo=1"),
        ("\t foo=1 \t", "foo=1"),
    ],
)
def test_white_space_around_a_member_is_taken_off(service, value, sent):
    assert service.state(value) == sent


@pytest.mark.parametrize(
    "value",
    [
        "foo =1",
        "FOO=1",
        "foo.bar=1",
        "foo@=1,bar=2",
        "@foo=1,bar=2",
        "foo@@bar=1,bar=2",
        "foo@bar@baz=1,bar=2",
        "foo=bar=baz",
        "foo=,bar=3",
        "foo,bar=3",
        "foo=1;bar=2=3",
        "foo=\x0b,bar=3",
    ],
)
def test_an_invalid_member_spoils_the_state(service, value):
    assert service.state(value) is None


def test_thirty_two_members_are_the_limit(service):
    members = [f"bar{n:02}={n:02}" for n in range(1, 34)]
    assert service.state(*members[:32]) == ",".join(members[:32])
    assert service.state(",".join(members[:20]), ",".join(members[20:32])).count(",") == 31
    assert service.state(*members) is None


@pytest.mark.parametrize(
    "key,valid",
    [
        ("z" * 256, True),
        ("z" * 257, False),
        ("t" * 241 + "@" + "v" * 14, True),
        ("t" * 242 + "@v", False),
        ("t@" + "v" * 15, False),
    ],
)
def test_the_lengths_of_keys(service, key, valid):
    assert service.state("foo=1", f"{key}=1") == (f"foo=1,{key}=1" if valid else None)


@pytest.mark.parametrize("length", [511, 512])
def test_512_characters_are_sent_on(service, length):
    state = ",".join([f"a={'x' * 200}", f"b={'y' * 200}", "c="])
    state += "z" * (length - len(state))
    assert service.state(state) == state


def test_above_that_the_long_members_go_first(service):
    state = ["foo=1", f"long={'x' * 130}", *(f"k{n}={'v' * 90}" for n in range(5)), "bar=2"]
    assert service.state(",".join(state)) == ",".join([state[0], *state[2:]])


def test_a_million_members_take_no_time(service):
    assert service.state(",".join(f"k{n}=v" for n in range(1_000_000))) is None


def test_each_request_that_goes_out_has_a_span_of_its_own(service):
    for headers in ([("traceparent", PARENT)], [], [("traceparent", f"00-{'0' * 32}-{SPAN}-01")]):
        found = [VALID.fullmatch(sent["traceparent"]).groups() for sent in service.ask(headers, 3)]
        assert len({trace for trace, _ in found}) == 1
        assert len({span for _, span in found}) == 3
        assert found[0][0] != "0" * 32
        assert (found[0][0] == TRACE) == (headers == [("traceparent", PARENT)])
