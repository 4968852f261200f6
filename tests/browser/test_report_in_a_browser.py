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
    assert page.locator("#summary").text_content() == "6 spans in 100 ms · 1 failed"
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
    press(page, "Home")
    for _ in HOSTILE:
        press(page, "ArrowDown")
    press(page, "1")
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
    assert page.locator("script").count() == 3


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
    page = opened(many(1_000))
    press(page, "1")
    few = changes_of_scrolling(page)
    page = opened(many(50_000))
    press(page, "1")
    assert page.locator(".row").count() < 100
    assert 90 < changes_of_scrolling(page) < 2 * few
    assert page.locator(".row").count() < 100
    page.locator("#rows").focus()
    press(page, "End", "z", "+", "-", "0")
    page.locator("#search").fill("route=/items/4242")
    expect(page.locator("#matches")).to_have_text("1 match")
    page.locator("#search").fill("/items/4242")
    expect(page.locator("#matches")).to_have_text("11 matches")
    press(page, "Escape", "2")


# --- many invocations -----------------------------------------------------------------------------


def trace_of(number):
    return f"{number:08x}" + "ab" * 12


def requests(count=40):
    """Requests over an hour, of two services; the seventh fails, the ninth takes longest."""
    failure = {
        "name": "exception",
        "timestampNs": 1_700_000_000_000_000_000,
        "attributes": {
            "exception.type": "shop.Declined",
            "exception.message": "no money",
            "exception.stacktrace": "at " + "a/very/long/path/" * 30,
        },
    }
    spans = []
    for n in range(count):
        start, took = n * 90_000, 1_000 if n == 9 else 10 + n
        ids = {"traceId": trace_of(n), "invocationId": f"{10 * n + 1:016x}"}
        shop, stock = {"service.name": "shop"}, {"service.name": "stock"}
        failed = {"outcome": "exception", "events": [failure]} if n == 7 else {}
        name = "POST /checkout" if n % 4 == 3 else "GET /orders/{id}"
        spans += [
            span(name, 10 * n + 1, None, start, start + took, resource=shop, **ids,
                 attributes={"order.id": n, "who": "Ann Lee" if n == 5 else "Bo"},
                 **({"outcome": "exception"} if n == 7 else {})),
            span("quick", 10 * n + 2, 10 * n + 1, start, start + took * 0.1, resource=shop, **ids),
            span("reserve", 10 * n + 3, 10 * n + 1, start + took * 0.2, start + took * 0.9,
                 resource=stock, **ids, **failed),
        ]  # fmt: skip
    return spans


def lines_of(page, cell):
    page.evaluate(NEXT_FRAME)
    return page.evaluate(
        """cell => [...document.querySelectorAll(".line:not([hidden])")].map(
            line => [line.getBoundingClientRect().top, line.querySelector(cell).firstChild]
        ).sort((one, other) => one[0] - other[0]).map(pair => pair[1]?.textContent ?? "")""",
        cell,
    )


def test_the_first_screen_is_a_table_of_invocations_the_slowest_first(opened):
    page = opened(requests())
    assert lines_of(page, ".length")[:2] == ["1.00 s", "49.0 ms"]
    assert page.locator("#summary").text_content() == (
        "40 invocations · 120 spans in 58m 30s · 1 failed"
    )
    heads = page.locator("#heads button")
    heads.filter(has_text="Failures").click()
    assert lines_of(page, ".failed-count")[:2] == ["1", ""]
    heads.filter(has_text="Name").click()
    assert set(lines_of(page, ".what")[:20]) == {"GET /orders/{id}"}
    heads.filter(has_text="Name").click()
    assert lines_of(page, ".what")[0] == "POST /checkout"
    heads.filter(has_text="Time").click()
    assert lines_of(page, ".length")[:2] == ["10.0 ms", "11.0 ms"]


def test_an_invocation_opens_on_its_own_axis_and_leads_back(opened):
    page = opened(requests())
    page.locator(".line:not([hidden])").first.click()
    assert names(page) == ["GET /orders/{id}", "quick", "reserve"]
    whole = page.locator("#ruler").bounding_box()["width"]
    assert bar(page, "GET /orders")["width"] > 0.98 * whole
    assert 0.68 * whole < bar(page, "reserve")["width"] < 0.72 * whole
    page.locator("#out").click()
    assert page.locator("#list").is_visible()
    press(page, "ArrowDown", "Enter")
    assert names(page) == ["POST /checkout", "quick", "reserve"]
    press(page, "Backspace")
    assert page.locator("#list").is_visible()


def test_a_single_invocation_has_no_way_back_to_a_list_of_others(opened):
    page = opened([span("only", 1)])
    assert page.locator("#out").is_hidden()


@pytest.mark.parametrize("width", [390, 1440])
def test_a_long_name_is_cut_off_where_the_bars_begin(opened, width):
    deep = [span(f"level {at} " + "x" * 200, at, at - 1 or None) for at in range(1, 9)]
    page = opened(deep, viewport={"width": width, "height": 800})
    edge = page.locator("#ruler").bounding_box()["x"]
    for label in page.locator(".row:not([hidden]) .label").all():
        box = label.bounding_box()
        assert box["x"] + box["width"] <= edge


def test_the_slowest_request_of_one_route_is_a_search_and_a_click(opened):
    page = opened(requests())
    page.locator("#search").fill('name="POST /checkout"')
    expect(page.locator("#matches")).to_have_text("10 matches")
    assert lines_of(page, ".what") == ["POST /checkout"] * 10
    page.locator(".line:not([hidden])").first.click()
    press(page, "c")
    marked = page.locator(".row.critical .label").all_text_contents()
    assert marked == ["POST /checkout", "quick", "reserve"]


@pytest.mark.parametrize(
    "query, matches",
    [
        ("order.id=3", "1 match"),
        ("order.id=", "0 matches"),
        ('who="ann lee"', "1 match"),
        ("who=ann", "0 matches"),
        ('"ann lee"', "1 match"),
        ("who", "40 matches"),
        ("service=stock", "40 matches"),
        ("service.name=stock", "0 matches"),
        ("outcome=exception", "2 matches"),
        ('exception.message="no money"', "1 match"),
        (trace_of(7)[:8], "3 matches"),
    ],
)
def test_a_value_is_found_exactly_and_words_anywhere(opened, query, matches):
    page = opened(requests())
    page.locator("#search").fill(query)
    expect(page.locator("#matches")).to_have_text(matches)


def test_what_was_found_is_marked(opened):
    page = opened(shop())
    page.locator("#search").fill("ann cart")
    page.locator("#search").fill("cart")
    page.evaluate(NEXT_FRAME)
    assert page.locator(".label mark").all_text_contents() == ["cart"]
    page.locator("#search").fill("who")
    page.evaluate(NEXT_FRAME)
    assert page.locator(".hint mark").all_text_contents() == ["who"]


def test_a_link_leads_to_a_trace_or_a_span(opened, browser, tmp_path):
    page = opened(requests())
    page.locator(".line:not([hidden])").first.click()
    page.locator(".label", has_text="reserve").click()
    link = page.evaluate("location.hash")
    assert link == f"#trace={trace_of(9)}&span={93:016x}"
    again = browser.new_page()
    again.goto((tmp_path / "report.html").as_uri() + link)
    assert again.locator("#details h2").text_content() == "reserve"
    assert chosen(again) == "reserve"
    again.goto("about:blank")
    again.goto((tmp_path / "report.html").as_uri() + "#trace=00000009")
    assert chosen(again) == "GET /orders/{id}"
    again.goto("about:blank")
    again.goto((tmp_path / "report.html").as_uri() + "#trace=ffff&span=zz")
    assert again.locator("#list").is_visible()
    again.close()


def test_a_trace_of_many_spans_starts_collapsed(opened):
    spans = [span("main", 1, None, 0, 9_000)]
    spans += [
        span("step", n + 2, 1 if n % 100 == 0 else n // 100 * 100 + 2, n, n + 1)
        for n in range(3_000)
    ]
    page = opened(spans)
    assert page.locator("#rows .row[aria-expanded=true]").count() <= 1
    press(page, "ArrowRight")
    assert len(names(page)) <= 40


def test_a_row_says_its_name_times_and_values_where_the_pointer_rests(opened):
    page = opened(shop())
    title = page.locator(".row", has_text="number=1001").get_attribute("title")
    for text in ("order", "40.0 ms", "of its own", "number=1001", "who=Ann"):
        assert text in title


def test_each_service_is_named_where_a_call_enters_it_and_has_a_colour(opened):
    page = opened(requests(2))
    page.locator(".line:not([hidden])").first.click()
    page.evaluate(NEXT_FRAME)
    hints = page.locator(".row .hint").all_text_contents()
    assert sum("[shop]" in hint for hint in hints) == 1
    assert sum("[stock]" in hint for hint in hints) == 1
    page.locator("#legend button").click()
    page.evaluate(NEXT_FRAME)
    assert page.locator("#legend").inner_text().split() == [
        "Colours", "by", "service", "shop", "stock",
    ]  # fmt: skip
    dots = page.evaluate("[...document.querySelectorAll('.row .dot')].map(dot => dot.className)")
    assert dots[:2] == ["dot c0", "dot c0"]
    assert dots[2] == "dot c1"


def test_keys_work_after_a_click_on_a_button(opened):
    page = opened(shop())
    for button in ("#zoom-in", "#zoom-all", "#failures", "#failures", "#theme"):
        page.locator(button).click(force=True)
    press(page, "Home", "ArrowDown")
    assert chosen(page) == "order"


def test_values_and_ids_can_be_copied(opened, browser):
    page = opened(shop(), permissions=["clipboard-read", "clipboard-write"])
    page.locator(".label", has_text="✗ pay").click()
    row = page.locator("#details tr", has_text="trace").last
    row.hover()
    row.locator(".copy").click()
    assert page.evaluate("navigator.clipboard.readText()") == "ab" * 16


# --- small screens --------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [390, 768, 1440])
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_nothing_is_wider_than_the_screen(opened, width, scheme):
    page = opened(
        requests(), viewport={"width": width, "height": 800}, color_scheme=scheme, has_touch=True
    )

    def check():
        page.evaluate(NEXT_FRAME)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for element in page.locator("header button, header input, #heads").all():
            box = element.bounding_box()
            assert box is None or box["x"] + box["width"] <= width + 1

    check()
    page.locator("#heads button").filter(has_text="Failures").tap()
    page.locator(".line:not([hidden])").first.tap()
    check()
    page.locator(".row .label", has_text="reserve").first.tap()
    check()
    details = page.locator("#details").bounding_box()
    assert details["y"] < 700
    assert details["width"] >= min(width, 330) * 0.98
    for cut in page.locator("#zoom, .row:not([hidden]) .label").all():
        assert cut.evaluate("cut => cut.scrollWidth <= cut.clientWidth + 1")
    heading = page.locator("#details h2").bounding_box()
    assert heading["y"] + heading["height"] < 800
    stack = page.locator("#details pre").first
    assert stack.evaluate("pre => pre.scrollWidth <= pre.clientWidth + 1")
    press(page, "2")
    check()
