"""The report of `enterspan view --html`, clicked through in Chromium."""

from __future__ import annotations

import pytest
from conftest import span
from playwright.sync_api import expect

NEXT_FRAME = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def shop():
    """Two orders; the second one fails."""
    failure = {
        "name": "exception",
        "timestampNs": 1_700_000_000_090_000_000,
        "attributes": {
            "exception.type": "shop.Declined",
            "exception.message": "no money",
            "exception.stacktrace": "Traceback:\n  line 7\nDeclined: no money",
        },
    }
    log = {
        "name": "log",
        "timestampNs": 1_700_000_000_070_000_000,
        "attributes": {"log.severity": "warning", "log.message": "busy", "attempt": 1},
    }
    link = {"traceId": "ab" * 16, "spanId": f"{3:016x}", "attributes": {"why": "retry"}}
    far = {"traceId": "cd" * 16, "spanId": "f" * 16, "attributes": {}}
    return [
        span("shop", 1, None, 0, 100),
        span("order", 2, 1, 0, 40, attributes={"number": 1001, "who": "Ann"}),
        span("cart.total", 3, 2, 1, 20),
        span("pay", 4, 2, 20, 40),
        span("order", 5, 1, 50, 100, attributes={"number": 1002}, outcome="exception"),
        span("pay", 6, 5, 60, 90, outcome="exception", events=[log, failure], links=[link, far]),
    ]


def names(page):
    """The names in sight, from top to bottom."""
    return page.evaluate(
        """() => [...document.querySelectorAll(".row:not([hidden])")].map(
            row => [row.getBoundingClientRect().top, row.querySelector(".label").textContent]
        ).sort((one, other) => one[0] - other[0]).map(pair => pair[1])"""
    )


def chosen(page):
    page.evaluate(NEXT_FRAME)
    return page.locator(".row[aria-selected=true]:not([hidden]) .label").text_content()


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)
    page.evaluate(NEXT_FRAME)


def bar(page, name):
    row = page.locator(".row", has=page.locator(".label", has_text=name)).first
    return row.locator(".bar").bounding_box()


# --- what is seen ---------------------------------------------------------------------------------


def test_every_span_has_a_row_in_the_order_of_the_tree(opened):
    page = opened(shop())
    assert names(page) == ["shop", "order", "cart.total", "pay", "✗ order", "✗ pay"]
    assert page.locator("#summary").text_content() == "6 spans in 100 ms · 2 failed"
    levels = page.eval_on_selector_all(".row", "rows => rows.map(row => row.ariaLevel)")
    assert levels == ["1", "2", "3", "3", "2", "3"]


def test_a_click_shows_all_about_a_span(opened):
    page = opened(shop())
    page.locator(".label", has_text="✗ pay").click()
    text = page.locator("#details").inner_text()
    for part in ("30.0 ms", "Declined: no money", "line 7", "busy", "attempt"):
        assert part in text
    assert "cart.total" in text
    assert "not in this report" in text
    page.locator("#details .note button", has_text="cart.total").click()
    assert chosen(page) == "cart.total"
    assert page.locator("#details h2").text_content() == "cart.total"


def test_a_click_on_a_triangle_collapses_and_expands(opened):
    page = opened(shop())
    page.locator(".toggle").nth(1).click()
    page.evaluate(NEXT_FRAME)
    assert names(page) == ["shop", "order", "✗ order", "✗ pay"]
    assert page.locator(".row").nth(1).get_attribute("aria-expanded") == "false"
    page.locator(".toggle").nth(1).click()
    page.evaluate(NEXT_FRAME)
    assert len(names(page)) == 6


def test_an_unfinished_trace_and_one_of_no_length_are_shown(opened):
    page = opened([span("dot", 1, None, 0, 0)])
    assert names(page) == ["dot"]
    press(page, "z", "+", "-", "0", "2", "Enter", "1")
    assert names(page) == ["dot"]


# --- zoom -----------------------------------------------------------------------------------------


def test_the_wheel_with_control_zooms_around_the_pointer(opened):
    page = opened(shop())
    before = bar(page, "cart.total")
    page.mouse.move(before["x"] + 2, before["y"] + 5)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -240)
    page.keyboard.up("Control")
    page.evaluate(NEXT_FRAME)
    after = bar(page, "cart.total")
    assert after["width"] > before["width"] * 1.5
    assert abs(after["x"] - before["x"]) < 5


def test_dragging_over_the_ruler_zooms_and_dragging_the_bars_pans(opened):
    page = opened(shop())
    box = page.locator("#ruler").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 10)
    page.mouse.up()
    page.evaluate(NEXT_FRAME)
    assert page.locator("#range").text_content() == "25.0 ms, from 50.0 ms on"
    page.mouse.move(box["x"] + 200, 400)
    top = page.locator("#rows").bounding_box()["y"] + 12
    page.mouse.move(box["x"] + 100, top)
    page.mouse.down()
    page.mouse.move(box["x"] + 100 + box["width"] / 5, top, steps=4)
    page.mouse.up()
    page.evaluate(NEXT_FRAME)
    assert page.locator("#range").text_content() == "25.0 ms, from 45.0 ms on"
    assert page.locator("#details").is_hidden()


def test_keys_zoom_pan_and_show_all(opened):
    page = opened(shop())
    press(page, "ArrowDown", "ArrowDown", "z")
    assert bar(page, "cart.total")["width"] > 0.85 * page.locator("#ruler").bounding_box()["width"]
    ranges = [page.locator("#range").text_content()]
    for key in ("d", "+", "a"):
        press(page, key)
        ranges.append(page.locator("#range").text_content())
    assert len(set(ranges)) == 4
    press(page, "0")
    assert page.locator("#range").text_content() == ""
    press(page, "+", "Escape")
    assert page.locator("#range").text_content() == ""


# --- search ---------------------------------------------------------------------------------------


def test_search_finds_names_attributes_and_logs(opened):
    page = opened(shop())
    for query, count in [
        ("PAY", "2 matches"),
        ("number=1002", "1 match"),
        ("order ann", "1 match"),
        ("busy", "1 match"),
        ("no money", "1 match"),
        ("nowhere", "0 matches"),
        ("", ""),
    ]:
        page.locator("#search").fill(query)
        expect(page.locator("#matches")).to_have_text(count)


def test_slash_searches_enter_steps_and_escape_leaves(opened):
    page = opened(shop())
    press(page, "/")
    page.keyboard.type("pay")
    expect(page.locator("#matches")).to_have_text("2 matches")
    press(page, "Enter")
    assert chosen(page) == "pay"
    press(page, "Enter")
    assert chosen(page) == "✗ pay"
    press(page, "Escape", "ArrowUp")
    expect(page.locator("#matches")).to_have_text("")
    assert chosen(page) == "✗ order"


def test_only_matches_and_only_failures_keep_what_leads_to_them(opened):
    page = opened(shop())
    page.locator("#search").fill("cart")
    expect(page.locator("#matches")).to_have_text("1 match")
    page.locator("#only").click()
    page.evaluate(NEXT_FRAME)
    assert names(page) == ["shop", "order", "cart.total"]
    page.locator("#only").click()
    page.locator("#failures").click()
    page.evaluate(NEXT_FRAME)
    assert names(page) == ["shop", "✗ order", "✗ pay"]
    assert page.locator("#only").get_attribute("aria-pressed") == "false"


# --- keys -----------------------------------------------------------------------------------------


def test_arrows_walk_the_tree_and_enter_shows_details(opened):
    page = opened(shop())
    press(page, "ArrowDown", "ArrowLeft")
    assert names(page) == ["shop", "order", "✗ order", "✗ pay"]
    press(page, "ArrowRight", "ArrowRight")
    assert chosen(page) == "cart.total"
    press(page, "ArrowLeft")
    assert chosen(page) == "order"
    press(page, "End")
    assert chosen(page) == "✗ pay"
    press(page, "Enter")
    assert page.evaluate("document.activeElement.id") == "details"
    press(page, "Escape")
    assert page.evaluate("document.activeElement.id") == "rows"
    assert page.locator("#details").is_hidden()
    press(page, "Home", "*")
    assert names(page) == ["shop"]
    press(page, "*")
    assert len(names(page)) == 6


def test_the_chosen_row_is_told_to_a_screen_reader_and_focus_is_seen(opened):
    page = opened(shop())
    press(page, "ArrowDown")
    active = page.locator("#rows").get_attribute("aria-activedescendant")
    assert page.locator(f"#{active} .label").text_content() == "order"
    shadow = page.locator(f"#{active}").evaluate("row => getComputedStyle(row).boxShadow")
    assert shadow != "none"


def test_every_control_is_reached_with_tab(opened):
    page = opened(shop())
    reached = set()
    for _ in range(25):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id"))
    assert {"tab-waterfall", "search", "failures", "theme", "help", "rows", "splitter"} <= reached


def test_question_mark_shows_the_keys(opened):
    page = opened(shop())
    press(page, "?")
    assert page.locator("#keys").is_visible()
    press(page, "Escape")
    assert page.locator("#keys").is_hidden()


# --- flame ----------------------------------------------------------------------------------------


def test_the_flame_view_adds_up_spans_of_one_name(opened):
    page = opened(shop())
    press(page, "2")
    frames = page.eval_on_selector_all(".frame", "all => all.map(each => each.ariaLabel)")
    assert sorted(frames) == [
        "all, 100 ms, 6 spans",
        "cart.total, 19.0 ms, 1 span",
        "order, 90.0 ms, 2 spans",
        "pay, 50.0 ms, 2 spans",
        "shop, 100 ms, 1 span",
    ]
    press(page, "ArrowDown", "ArrowDown", "ArrowDown")
    assert page.locator("#details h2").text_content() == "pay"
    press(page, "Enter")
    assert page.locator(".frame", has_text="cart.total").count() == 0
    press(page, "Escape")
    press(page, "Escape")
    page.locator(".frame", has_text="pay").click()
    page.locator("#details td button").first.click()
    assert chosen(page) == "✗ pay"


# --- dark and light -------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_the_page_follows_the_system_and_can_be_turned(opened, scheme):
    page = opened(shop(), color_scheme=scheme)
    brightness = "getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0] | 0"
    first = page.evaluate(brightness)
    assert (first < 100) is (scheme == "dark")
    press(page, "t")
    assert (page.evaluate(brightness) < 100) is (scheme == "light")


# --- hostile texts --------------------------------------------------------------------------------

HOSTILE = [
    "</script><img src=x onerror=alert(1)>",
    "<!--<script>alert(1)",
    "]]></script><svg onload=alert(1)>",
    '"><iframe srcdoc="<script>parent.alert(1)</script>">',
    "\u2028alert(1)\u2029\ud800\x00\x1b[31m",
    "javascript:alert(1)",
    "__proto__",
    "$data ${alert(1)} {{7*7}}",
]


def test_hostile_texts_are_shown_and_never_run(opened):
    spans = []
    for number, text in enumerate(HOSTILE, 1):
        log = {"log.severity": text, "log.message": text, text: text}
        failure = {"exception.type": text, "exception.message": text, "exception.stacktrace": text}
        events = [
            {"name": "log", "timestampNs": 1_700_000_000_000_000_000, "attributes": log},
            {"name": "exception", "timestampNs": 1_700_000_000_000_000_000, "attributes": failure},
            {"name": text, "timestampNs": 1_700_000_000_000_000_000, "attributes": {text: text}},
        ]
        links = [{"traceId": "cd" * 16, "spanId": "f" * 16, "attributes": {text: text}}]
        fields = {"attributes": {text: text, "list": [text, {text: text}]}, "events": events}
        spans.append(span(text, number, None, 0, number, links=links, kind=text, **fields))
        spans[-1].update(outcome=text, invocationId=text)
    page = opened(spans)
    shown = names(page)
    assert shown[0] == HOSTILE[0]
    assert len(shown) == len(HOSTILE)
    for _ in HOSTILE:
        press(page, "Enter", "Escape", "ArrowDown")
    press(page, "2")
    for _ in HOSTILE:
        press(page, "ArrowDown", "ArrowRight", "Enter")
    page.wait_for_timeout(200)
    assert page.locator("img, iframe, svg").count() == 0
    assert page.locator("script").count() == 2


def test_the_policy_stops_a_script_that_is_put_in(opened, browser, tmp_path):
    opened(shop())
    report = tmp_path / "report.html"
    text = report.read_text(encoding="utf-8")
    bad = tmp_path / "bad.html"
    evil = "<script>window.ran = 1</script><img src=x onerror='window.ran = 1'></body>"
    bad.write_text(text.replace("</body>", evil), encoding="utf-8")
    page = browser.new_page()
    page.goto(bad.as_uri())
    page.wait_for_timeout(200)
    assert page.evaluate("window.ran") is None
    page.close()


# --- many spans -----------------------------------------------------------------------------------


def many(count):
    """Requests of 50 spans each, with attributes; every 97th span fails."""
    spans = []
    for number in range(1, count + 1):
        at = number % 50
        if at == 1:
            root = number
        parent = None if number == root else root if at % 5 == 2 else number - 1
        start = number * 0.01
        spans.append(
            span(
                f"layer{at % 7}.step{at}",
                number,
                parent,
                start,
                start + 0.5 - at * 0.009,
                attributes={"user": number, "route": f"/items/{number}", "rows": at},
                outcome="exception" if number % 97 == 0 else "ok",
            )
        )
    return spans


def changes_of_scrolling(page):
    """How many elements and attributes the page changes on a way to its end in 90 steps."""
    return page.evaluate(
        """async () => {
            const rows = document.getElementById("rows");
            let changes = 0;
            const observer = new MutationObserver((found) => { changes += found.length; });
            observer.observe(rows, { attributes: true, childList: true, subtree: true });
            for (let n = 1; n <= 90; n++) {
                rows.scrollTop = (rows.scrollHeight / 90) * n;
                await new Promise(requestAnimationFrame);
                await new Promise(requestAnimationFrame);
            }
            observer.disconnect();
            return changes;
        }"""
    )


def test_fifty_thousand_spans_stay_fluid(opened):
    """Scrolling changes no more elements than with a few spans; every view and search works."""
    few = changes_of_scrolling(opened(many(1_000)))
    page = opened(many(50_000))
    assert page.locator(".row").count() < 100
    assert 90 < changes_of_scrolling(page) < 2 * few
    assert page.locator(".row").count() < 100
    page.locator("#rows").focus()
    press(page, "End", "z", "+", "-", "0")
    page.locator("#search").fill("route=/items/4242")
    expect(page.locator("#matches")).to_have_text("11 matches")
    press(page, "Escape", "2")
