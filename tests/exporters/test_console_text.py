"""What the lines of a tree are made of: durations, widths, values."""

from __future__ import annotations

import io
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from enterspan._terminal.screen import (
    ASCII,
    UNICODE,
    Screen,
    clip,
    columns_taken,
    glyphs_for,
    screen_for,
    visible,
)
from enterspan._terminal.text import duration_text, value_text

SECOND = 1_000_000_000
DAY = 86_400 * SECOND


@pytest.mark.parametrize(
    "nanoseconds, shown",
    [
        (-5, "   0 ns"),
        (0, "   0 ns"),
        (999, " 999 ns"),
        (1_000, "1.00 µs"),
        (9_994, "9.99 µs"),
        (9_995, "10.0 µs"),
        (99_949, "99.9 µs"),
        (99_950, " 100 µs"),
        (999_499, " 999 µs"),
        (999_500, "1.00 ms"),
        (12_345_678, "12.3 ms"),
        (999_500_000, "1.00 s "),
        (59_949_999_999, "59.9 s "),
        (59_950_000_000, " 1m 00s"),
        (3_599 * SECOND, "59m 59s"),
        (3_600 * SECOND, " 1h 00m"),
        (86_399 * SECOND, "23h 59m"),
        (86_400 * SECOND, " 1d 00h"),
        (999 * 86_400 * SECOND, "999d 00h"),
    ],
)
def test_durations_have_three_digits_and_stand_in_a_column(nanoseconds, shown):
    """The unit changes where the number would not fit any more."""
    assert duration_text(nanoseconds, UNICODE) == shown


def test_micro_has_an_ascii_form():
    """A stream without the micro sign gets `us`."""
    assert duration_text(1_000, ASCII) == "1.00 us"


@given(st.integers(0, 10**16))
@example(99 * DAY + 1)
@example(100 * DAY - SECOND // 2 - 1)
@example(100 * DAY - SECOND // 2)
def test_every_duration_fits_its_column(nanoseconds):
    """Seven columns are enough for what is shown as less than 100 days; seconds are rounded."""
    is_long = nanoseconds >= 100 * DAY - SECOND // 2
    assert len(duration_text(nanoseconds, UNICODE)) == 7 + is_long


@pytest.mark.parametrize(
    "text, columns",
    [
        ("abc", 3),
        ("café", 4),
        ("cafe\u0301", 4),
        ("日本", 4),
        ("\uff46\uff55\uff4c\uff4c", 8),
        ("\u1112\u1161\u11ab", 2),
        ("👍", 2),
        ("a\u200db", 2),
        ("", 0),
    ],
)
def test_width_is_counted_in_columns(text, columns):
    """Wide characters take two, combining ones none."""
    assert columns_taken(text) == columns


@pytest.mark.parametrize(
    "text, width, shown",
    [
        ("hello", 5, "hello"),
        ("hello", 4, "hel…"),
        ("hello", 1, "…"),
        ("日本語", 6, "日本語"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        ("cafe\u0301 noir", 5, "cafe\u0301…"),
        ("one two", 5, "one…"),
        ("a\nb", 4, "a\\nb"),
        ("a\nb", 3, "a…"),
    ],
)
def test_a_cut_never_divides_a_character(text, width, shown):
    """Nor an escape, nor a letter from its accent; before the ellipsis there is no space."""
    assert clip(text, width, "…") == shown


@given(st.text(), st.integers(1, 30))
def test_what_is_clipped_is_printable_and_fits(text, width):
    """Whatever the text is."""
    shown = clip(text, width, "…")
    assert columns_taken(shown) <= width
    assert shown.replace("\u200c", "").replace("\u200d", "").isprintable()


@given(st.text(), st.sampled_from(["ascii", "latin-1", "utf-8", "cp437", "shift-jis"]))
def test_a_line_can_be_written_whatever_the_encoding(text, encoding):
    """No character raises on its way out, and what stands for it counts towards the width."""
    raw = io.TextIOWrapper(io.BytesIO(), encoding)
    line = screen_for(raw, color=False, width=40).line([(text, "")])
    assert columns_taken(line) <= 40
    line.encode(encoding)


def test_an_encoding_that_python_does_not_know_gets_ascii():
    """Whatever the stream says of itself."""
    assert Screen(80, ASCII, False, "no such").line([("café", "")]) == "caf\\xe9"


@pytest.mark.parametrize(
    "encoding, glyphs",
    [
        ("utf-8", UNICODE),
        ("utf-16", UNICODE),
        ("ascii", ASCII),
        ("latin-1", ASCII),
        ("no such", ASCII),
    ],
)
def test_glyphs_are_those_that_the_encoding_has(encoding, glyphs):
    """All of them or none."""
    assert glyphs_for(encoding) is glyphs


@pytest.mark.parametrize(
    "value, shown",
    [
        ("plain", "plain"),
        ("/a/b?c", "/a/b?c"),
        ("two words", '"two words"'),
        ('say "x"', '"say \\"x\\""'),
        ("", '""'),
        ("12", '"12"'),
        ("1e5", '"1e5"'),
        ("nan", '"nan"'),
        ("True", '"True"'),
        ("4th", "4th"),
        ("a=b", '"a=b"'),
        (12, "12"),
        (True, "True"),
        (0.5, "0.5"),
        (float("nan"), "nan"),
        (("a", "b c"), '[a, "b c"]'),
        ((), "[]"),
        (tuple(range(33)), "[" + ", ".join(map(str, range(32))) + ", ...]"),
    ],
)
def test_values_can_not_be_mistaken_for_others(value, shown):
    """Text is quoted where it could be read as a number, as a constant, or as two attributes."""
    assert value_text(value) == shown


@given(st.characters())
def test_a_character_is_shown_or_named(character):
    """What is not printable becomes an escape of ASCII, save for spaces and joiners."""
    shown = visible(character)
    if unicodedata.category(character) == "Zs":
        assert shown == " "
    elif shown != character:
        assert shown.isascii()
        assert shown.startswith("\\")
