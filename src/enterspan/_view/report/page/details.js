// Everything about one span, or about the spans of one name.

const SHOWN = 200; // of many events, or spans, the first ones

class Details {
  constructor(model, { go, close, searchFor, words }) {
    this.model = model;
    this._words = words;
    this._go = go;
    this._close = close;
    this._searchFor = searchFor;
    this._home = byId("details");
  }

  get isOpen() {
    return !this._home.hidden;
  }

  hide() {
    this._home.hidden = true;
  }

  focus() {
    this._home.focus();
  }

  _show(...children) {
    const close = element("button", { className: "close", ariaLabel: "Close the details", title: "Close (Esc)", onclick: this._close }, "✕");
    this._home.replaceChildren(close, ...children.filter(Boolean));
    this._home.hidden = false;
    this._home.scrollTop = 0;
  }

  // --- one span ---

  showSpan(span) {
    const { model } = this;
    const more = model.more(span);
    this._show(
      element("h2", {}, model.nameOf(span)),
      this._path(span),
      element("p", { className: "badges" }, ...this._badges(span, more)),
      this._facts(span, more),
      ...this._failures(span, more),
      ...this._attributes("Attributes", more.a, true),
      ...this._events(span, more),
      ...this._links(more),
      ...this._identity(span, more),
    );
  }

  _path(span) {
    const above = this.model.lineage(span);
    const shown = above.length > 6 ? [...above.slice(0, 2), null, ...above.slice(-3)] : above;
    const pieces = shown.flatMap((each, at) => [at ? " › " : "in ", each === null ? "…" : this._button(each)]);
    return element("p", { className: "path" }, ...(pieces.length ? pieces : ["a root"]));
  }

  _button(span, text = this.model.nameOf(span)) {
    return element("button", { className: "linkish", onclick: () => this._go(span) }, text);
  }

  _badges(span, more) {
    const outcome = this.model.outcomeOf(span);
    const tone = { ok: "good", exception: "bad" }[outcome] ?? "warn";
    const badges = [badge(outcome, tone)];
    if (more.e !== undefined) badges.push(" ", badge("error", "bad"), " ", more.e);
    if (more.s !== undefined) badges.push(" ", badge(more.s, more.s >= 500 ? "bad" : more.s >= 400 ? "warn" : "good"));
    if (more.k && more.k !== "internal") badges.push(" ", badge(more.k));
    if (more.i) badges.push(" ", more.i);
    return badges;
  }

  _facts(span, more) {
    const { model } = this;
    const whole = model.took[span] < 0 ? "unfinished" : duration(model.took[span]);
    const own = duration(model.self[span]);
    const share = model.up[span] < 0 ? "" : part(model.end[span] - model.start[span], model.end[model.up[span]] - model.start[model.up[span]]);
    return facts([
      ["Duration", whole],
      ["Self time", own],
      ["Started after", duration(model.start[span] - model.start[model.rootOf(span)])],
      ["Share of parent", share],
      ["CPU", more.c === undefined ? "" : duration(more.c)],
      ["Spans below", model.last[span] - span - 1 || ""],
    ]);
  }

  _failures(span, more) {
    const found = (more.n ?? []).filter(([kind]) => kind === "exception");
    return section("Exceptions", found.slice(0, SHOWN).map((note) => this._note(span, note, true)));
  }

  _events(span, more) {
    const found = (more.n ?? []).filter(([kind]) => kind !== "exception");
    const shown = found.slice(0, SHOWN).map((note) => this._note(span, note));
    if (found.length > SHOWN) shown.push(element("p", {}, `and ${counted(found.length - SHOWN, "event")} more`));
    return section("Logs and events", shown);
  }

  _note(span, [kind, time, label, text, attributes, stack]) {
    const tone = toneOf(kind, label);
    const word = kind === "log" ? label : kind === "exception" ? "" : kind;
    const said = kind === "exception" && text ? `${label}: ${text}` : kind === "exception" ? label : text;
    return element("div", { className: `note ${tone}` },
      element("span", { className: "when" }, `+${duration(time - this.model.start[span])}`),
      word ? badge(word, tone) : "",
      element("p", {}, said),
      stack ? element("pre", { tabIndex: 0, ariaLabel: "Stack" }, stack) : "",
      stack ? copyButton(stack) : "",
      attributes.length ? this._table(attributes, false) : "",
    );
  }

  _attributes(title, flat, searched) {
    return section(title, flat?.length ? [this._table(flat, searched)] : []);
  }

  _table(flat, searched) {
    const rows = [...pairs(flat)].map(([key, value]) => {
      const text = valueText(value);
      const head = searched
        ? element("button", { className: "linkish", title: "Search for this", onclick: () => this._searchFor(key, text) }, key)
        : key;
      return element("tr", {}, element("th", { scope: "row" }, head), element("td", { className: "value" }, ...marked(text, this._words()), copyButton(text)));
    });
    return element("table", {}, element("tbody", {}, ...rows));
  }

  _links(more) {
    const made = (more.l ?? []).slice(0, SHOWN).map(([trace, span, attributes]) => {
      const target = this.model.find(trace, span);
      return element("div", { className: "note" },
        target >= 0 ? this._button(target) : element("code", {}, `${trace} ${span}`),
        target >= 0 ? "" : element("p", {}, "not in this report"),
        attributes.length ? this._table(attributes, false) : "",
      );
    });
    return section("Links", made);
  }

  _identity(span, more) {
    const { model } = this;
    const ids = ["began", dateText(model.base, model.start[span]), "span", model.idOf(span), "trace", model.traceOf(span)];
    if (more.r) ids.push("invocation", more.r);
    ids.push(...(more.o ?? []));
    return section("Identity", [element("div", { className: "mono" }, this._table(ids, false))]);
  }

  // --- the spans of one name ---

  showFrame(frame, all) {
    if (frame === all) {
      this._showNames();
      return;
    }
    const { model } = this;
    const times = frame.spans.map((span) => model.end[span] - model.start[span]).sort((one, other) => one - other);
    const slowest = [...frame.spans].sort((one, other) => model.end[other] - model.start[other] - model.end[one] + model.start[one]).slice(0, 20);
    this._show(
      element("h2", {}, frame.name),
      element("p", { className: "path" }, lineageOf(frame)),
      facts([
        ["Spans", frame.spans.length.toLocaleString("en")],
        ["Total", duration(frame.total)],
        ["Self time", duration(frame.self)],
        ["Failed", frame.failed || ""],
        ["p50", duration(quantile(times, 0.5))],
        ["p95", duration(quantile(times, 0.95))],
        ["Longest", duration(times.at(-1))],
      ]),
      ...section("Slowest spans", [table(["Span", "Started after", "Duration"], slowest.map((span) => [
        this._button(span), duration(model.start[span]), duration(model.end[span] - model.start[span]),
      ]))]),
    );
  }

  _showNames() {
    const { model } = this;
    const byName = new Map();
    for (let span = 0; span < model.count; span++) {
      const row = byName.get(model.name[span]) ?? { count: 0, total: 0, self: 0 };
      row.count++;
      row.total += model.end[span] - model.start[span];
      row.self += model.self[span];
      byName.set(model.name[span], row);
    }
    const rows = [...byName].sort(([, one], [, other]) => other.self - one.self);
    this._show(
      element("h2", {}, "All spans, by name"),
      table(["Name", "Spans", "Total", "Self time"], rows.slice(0, SHOWN).map(([name, row]) => [
        model.names[name], row.count.toLocaleString("en"), duration(row.total), duration(row.self),
      ])),
      rows.length > SHOWN ? element("p", {}, `and ${counted(rows.length - SHOWN, "name")} more`) : null,
    );
  }
}

function lineageOf(frame) {
  const names = [];
  for (let above = frame.above; above?.above; above = above.above) names.unshift(above.name);
  return names.length ? `below ${names.slice(-6).join(" › ")}` : "roots";
}

/** A button that copies a text, and says so. */
function copyButton(text) {
  return element("button", {
    className: "copy", title: "Copy", ariaLabel: "Copy",
    onclick: async (event) => {
      await copyText(text);
      event.target.textContent = "copied";
      setTimeout(() => (event.target.textContent = "copy"), 900);
    },
  }, "copy");
}

function badge(text, tone = "") {
  return element("span", { className: `badge ${tone}` }, String(text));
}

function facts(list) {
  const told = list.filter(([, text]) => text !== "");
  return element("dl", { className: "facts" }, ...told.map(([word, text]) =>
    element("div", {}, element("dt", {}, word), element("dd", {}, String(text)))));
}

function section(title, children) {
  return children.length ? [element("h3", {}, title), ...children] : [];
}

/** A table whose first column is of names, and whose others are of numbers. */
function table(heads, rows) {
  const cell = (tag, at, content) => element(tag, { className: at ? "number" : "" }, content);
  return element("table", {},
    element("thead", {}, element("tr", {}, ...heads.map((head, at) => cell("th", at, head)))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map((content, at) => cell("td", at, content))))));
}

/** The smallest of sorted numbers that so large a share of them does not exceed. */
function quantile(sortedNumbers, share) {
  return sortedNumbers[Math.max(Math.ceil(sortedNumbers.length * share) - 1, 0)];
}

function part(own, whole) {
  return whole > 0 ? `${((own / whole) * 100).toFixed(own / whole < 0.1 ? 1 : 0)} %` : "";
}

/** A moment as a date, in UTC; its milliseconds are as exact as a date can be. */
function dateText([milliseconds, rest], ns) {
  const date = new Date(milliseconds + Math.floor((rest + ns) / 1e6));
  return Number.isNaN(date.getTime()) ? "?" : date.toISOString().replace("T", " ").replace("Z", " UTC");
}
