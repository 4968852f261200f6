// The waterfall: a tree of names, and beside each a bar. Only the rows in sight exist as elements.

const ROW = 24;
const INDENT = 14;
const DEEPEST = 16;
const HIGHEST = 8_000_000; // browsers draw no element that is much higher
const MARKS = 40;
const OVERVIEW_LEVELS = 14;
const MANY = 2000; // spans that are shown expanded at first

class Waterfall {
  constructor(model, search, { chosen, opened }) {
    this.model = model;
    this.search = search;
    this.axis = new Axis(model.total, () => this.draw());
    this.scope = -1;
    this.critical = null;
    this.isCritical = false;
    this.collapsed = new Uint8Array(model.count);
    this.filter = null;
    this.selected = -1;
    this._chosen = chosen;
    this._opened = opened;
    this._rows = byId("rows");
    this._window = byId("window");
    this._pool = [];
    this._waiting = false;
    this._listen();
    this.arrange();
  }

  // --- what is shown ---

  /** Work out which spans are in sight of an infinitely high window. */
  arrange() {
    const { last } = this.model;
    const [first, count] = this.bounds;
    const shown = new Int32Array(count - first);
    let length = 0;
    for (let span = first; span < count; ) {
      if (this.filter && !this.filter[span]) {
        span = last[span];
        continue;
      }
      shown[length++] = span;
      span = this.collapsed[span] ? last[span] : span + 1;
    }
    this.shown = shown.subarray(0, length);
    byId("spacer").style.height = `${Math.min(length * ROW, HIGHEST)}px`;
    byId("nothing").hidden = length > 0;
    this.draw();
  }

  /** The first span that is shown, and the one after the last. */
  get bounds() {
    return this.scope < 0 ? [0, this.model.count] : [this.scope, this.model.last[this.scope]];
  }

  /** Show one invocation, on its own axis, or with -1 all of them. */
  enter(root) {
    const { model } = this;
    this.scope = root;
    const [first, last] = this.bounds;
    if (!this.filter) this._collapse(first, last);
    this._markCritical();
    this.arrange();
    this._rows.scrollTop = 0;
    if (root < 0) this.axis.limit(0, model.total);
    else this.axis.limit(model.start[root], model.until[root]);
    this.drawOverview();
  }

  /** What has many spans starts collapsed: roots and their children are seen. */
  _collapse(first, last) {
    if (last - first <= MANY) return;
    const seen = this.scope < 0 ? 0 : 1;
    for (let span = first; span < last; span++) {
      this.collapsed[span] = this.model.depth[span] >= seen && this.model.hasChildren(span) ? 1 : 0;
    }
  }

  toggleCritical() {
    this.isCritical = !this.isCritical;
    this._markCritical();
    this.draw();
  }

  _markCritical() {
    const roots = this.scope >= 0 ? [this.scope] : this.model.roots.slice(0, 1000);
    this.critical = this.isCritical ? new Set(roots.flatMap((root) => [...this.model.criticalPath(root)])) : null;
  }

  show(filter) {
    this.filter = filter;
    this.arrange();
    if (this.selected >= 0) this.reveal(this.selected);
  }

  toggle(span, collapsed = !this.collapsed[span]) {
    this.collapsed[span] = collapsed ? 1 : 0;
    const hidden = collapsed && this.selected > span && this.selected < this.model.last[span];
    this.arrange();
    if (hidden) this.select(span);
  }

  /** Expand everything below a span, or collapse it if it is expanded. */
  toggleAll(span) {
    const below = this.collapsed.subarray(span, this.model.last[span]);
    const expand = below.includes(1);
    for (let at = 0; at < below.length; at++) below[at] = !expand && this.model.hasChildren(span + at) ? 1 : 0;
    this.arrange();
  }

  select(span, { reveal = true } = {}) {
    this.selected = span;
    if (reveal) this.reveal(span);
    this.draw();
    this._chosen(span);
  }

  /** Expand what hides a span, and scroll to it. */
  reveal(span) {
    const hiding = this.model.lineage(span).filter((above) => this.collapsed[above]);
    if (hiding.length) {
      for (const above of hiding) this.collapsed[above] = 0;
      this.arrange();
    }
    const at = this._placeOf(span);
    if (at < 0) return;
    const top = at * ROW, height = this._rows.clientHeight;
    if (top < this._offset()) this._scrollTo(top);
    else if (top + ROW > this._offset() + height) this._scrollTo(top + ROW - height);
  }

  /** Bring a span's bar into sight. */
  seek(span) {
    const { start, end } = this.model;
    if (start[span] < this.axis.from || start[span] > this.axis.to) {
      this.axis.show(start[span] - this.axis.length / 3, start[span] + (this.axis.length * 2) / 3);
    } else if (end[span] - start[span] < this.axis.length / 5000) this.axis.showSpan(start[span], end[span]);
  }

  move(step) {
    const at = this._placeOf(this.selected);
    if (this.shown.length) this.select(this.shown[between(at + step, 0, this.shown.length - 1)]);
  }

  _placeOf(span) {
    let low = 0, high = this.shown.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (this.shown[middle] === span) return middle;
      if (this.shown[middle] < span) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  // A very long list is scrolled faster than its spacer.
  _stretch() {
    const height = this._rows.clientHeight;
    const real = this.shown.length * ROW - height;
    const spacer = Math.min(this.shown.length * ROW, HIGHEST) - height;
    return real > 0 && spacer > 0 ? real / spacer : 1;
  }

  _offset() {
    return this._rows.scrollTop * this._stretch();
  }

  _scrollTo(offset) {
    this._rows.scrollTop = offset / this._stretch();
  }

  // --- drawing ---

  draw() {
    if (this._waiting) return;
    this._waiting = true;
    requestAnimationFrame(() => {
      this._waiting = false;
      this._draw();
    });
  }

  _draw() {
    const height = this._rows.clientHeight;
    if (!height) return;
    const offset = this._offset();
    const first = Math.floor(offset / ROW);
    const count = Math.min(Math.ceil(height / ROW) + 1, this.shown.length - first);
    this._width = byId("ruler").clientWidth;
    this._perNs = this._width / this.axis.length;
    while (this._pool.length < count) this._pool.push(this._newRow());
    this._pool.forEach((row, at) => {
      row.hidden = at >= count;
      if (at < count) this._fill(row, this.shown[first + at], first + at, (first + at) * ROW - offset);
    });
    const active = this._pool.find((row) => !row.hidden && row.span === this.selected);
    if (active) this._rows.setAttribute("aria-activedescendant", active.id);
    else this._rows.removeAttribute("aria-activedescendant");
    this._drawRuler();
    this._drawLens();
  }

  _newRow() {
    const parts = {
      toggle: element("span", { className: "toggle", ariaHidden: "true" }),
      dot: element("span", { ariaHidden: "true" }),
      label: element("span", { className: "label" }),
      hint: element("span"),
      length: element("span", { className: "length" }),
      bar: element("div"),
      took: element("span"),
    };
    parts.name = element("div", { className: "name" }, parts.toggle, parts.dot, parts.label, parts.hint, parts.length);
    parts.track = element("div", { className: "track" }, parts.bar, parts.took);
    const row = element("div", { role: "treeitem", id: `row-${this._pool.length}` }, parts.name, parts.track);
    row.parts = parts;
    row.marks = [];
    this._window.append(row);
    return row;
  }

  _fill(row, span, place, top) {
    const { model, search } = this;
    const { toggle, name, dot, label, hint } = row.parts;
    row.style.transform = `translateY(${top}px)`;
    row.setAttribute("aria-selected", span === this.selected);
    const outcome = model.outcomeOf(span);
    const classes = ["row"];
    if (model.up[span] < 0 || model.more(span).r) classes.push("root");
    if (model.failed[span] || model.more(span).s >= 500) classes.push("failed");
    else if (outcome === "unfinished") classes.push("unfinished");
    else if (outcome !== "ok") classes.push("odd");
    if (search.isFound) classes.push(search.isFound[span] ? "match" : "dim");
    if (this.critical) classes.push(this.critical.has(span) ? "critical" : "beside");
    row.className = classes.join(" ");
    const parent = model.hasChildren(span), collapsed = this.collapsed[span];
    if (row.span !== span || row.collapsed !== collapsed || row.words !== search.words) {
      row.span = span;
      row.words = search.words;
      row.collapsed = collapsed;
      row.setAttribute("aria-level", model.depth[span] + 1);
      row.setAttribute("aria-posinset", place + 1);
      row.setAttribute("aria-setsize", this.shown.length);
      if (parent) row.setAttribute("aria-expanded", !collapsed);
      else row.removeAttribute("aria-expanded");
      name.style.paddingLeft = `${6 + Math.min(model.depth[span], DEEPEST) * INDENT}px`;
      toggle.textContent = parent ? (collapsed ? "▶" : "▼") : "";
      label.replaceChildren(model.failed[span] ? "✗ " : "", ...marked(model.nameOf(span), search.words));
      this._hint(hint, span, outcome, collapsed);
      row.parts.length.textContent = model.took[span] < 0 ? "" : duration(model.took[span]);
      row.title = this._tooltip(span);
    }
    dot.className = `dot c${model.colour(span)}`;
    this._fillTrack(row, span);
  }

  /** What is shown where the pointer rests: name, times and values. */
  _tooltip(span) {
    const { model } = this, more = model.more(span);
    const root = model.rootOf(span);
    const lines = [
      model.nameOf(span),
      `${model.took[span] < 0 ? "unfinished" : duration(model.took[span])}, ${duration(model.self[span])} of its own`,
      `${clockText(model.base, model.start[span])}, after ${duration(model.start[span] - model.start[root])}`,
    ];
    if (model.serviceOf(span)) lines.push(model.serviceOf(span));
    for (const [key, value] of pairs(more.a).slice(0, 20)) lines.push(`${key}=${valueText(value).slice(0, 200)}`);
    return lines.join("\n");
  }

  /** What is said beside the name, as far as there is room. */
  _hint(hint, span, outcome, collapsed) {
    const more = this.model.more(span);
    const failure = outcome === "exception" && more.n?.findLast(([kind]) => kind === "exception");
    const words = [];
    const { model } = this, above = model.up[span];
    if (model.serviceOf(span) && (above < 0 || model.service[above] !== model.service[span])) words.push(`[${model.serviceOf(span)}]`);
    if (collapsed) words.push(`+${this.model.last[span] - span - 1}`);
    if (this.model.depth[span] > DEEPEST) words.push(`level ${this.model.depth[span]}`);
    if (outcome !== "ok" && outcome !== "exception") words.push(outcome);
    if (failure) words.push(`${failure[2]}: ${failure[3]}`);
    else if (more.e) words.push(more.e);
    if (more.i) words.push(more.i);
    if (more.s !== undefined) words.push(more.s);
    for (const [key, value] of pairs(more.a)) {
      if (words.length > 5) break;
      words.push(`${key}=${valueText(value).slice(0, 80)}`);
    }
    hint.className = failure || more.e ? "hint bad" : "hint";
    hint.replaceChildren(...marked(words.join("  ").slice(0, 300), this.search.words));
  }

  _x(time) {
    return (time - this.axis.from) * this._perNs;
  }

  _fillTrack(row, span) {
    const { bar, took } = row.parts;
    const { model, _width: width } = this;
    const left = this._x(model.start[span]), right = Math.max(this._x(model.end[span]), left + 2);
    bar.className = `bar c${model.colour(span)}`;
    const from = between(left, -10, width + 10), to = between(right, -10, width + 10);
    bar.style.left = `${from}px`;
    bar.style.width = `${to - from}px`;
    const text = model.took[span] < 0 ? "unfinished" : duration(model.took[span]);
    if (took.textContent !== text) took.textContent = text;
    const room = text.length * 7 + 8;
    took.className = "took";
    if (to < 0) took.style.left = "4px";
    else if (from > width) took.style.left = `${width - room}px`;
    else if (to + room < width) took.style.left = `${to + 6}px`;
    else if (from > room) took.style.left = `${from - room + 2}px`;
    else {
      took.style.left = `${Math.min(to, width) - room}px`;
      took.className = "took inside";
    }
    this._fillMarks(row, span);
  }

  _fillMarks(row, span) {
    let used = 0;
    for (const [kind, time, label] of this.model.more(span).n ?? []) {
      const x = this._x(time);
      if (x < 0 || x > this._width || used >= MARKS) continue;
      row.marks[used] ??= row.parts.track.appendChild(element("i", { ariaHidden: "true" }));
      row.marks[used].className = `mark ${toneOf(kind, label)}`;
      row.marks[used].style.left = `${x}px`;
      row.marks[used].hidden = false;
      used++;
    }
    for (; used < row.marks.length; used++) row.marks[used].hidden = true;
  }

  _drawRuler() {
    const { step, at } = this.axis.ticks(this._width);
    const labels = at.map((time) => {
      const label = element("span", {}, moment(time - this.axis.first, step));
      label.style.left = `${this._x(time)}px`;
      return label;
    });
    byId("ruler").replaceChildren(...labels);
    byId("grid").replaceChildren(...at.map((time) => {
      const line = element("i");
      line.style.left = `${this._x(time)}px`;
      return line;
    }));
  }

  _drawLens() {
    const lens = byId("lens"), { axis } = this;
    lens.hidden = axis.isAll;
    byId("range").textContent = axis.isAll ? "" : `${duration(axis.length)}, from ${duration(axis.from - axis.first)} on`;
    byId("zoom-out").disabled = byId("zoom-all").disabled = axis.isAll;
    lens.style.left = `${((axis.from - axis.first) / axis.total) * 100}%`;
    lens.style.width = `${(axis.length / axis.total) * 100}%`;
  }

  /** The whole trace in small, by depth: drawn anew only where size or colours change. */
  drawOverview() {
    const canvas = byId("overview").firstElementChild;
    const { clientWidth: width, clientHeight: height } = canvas;
    if (!width) return;
    const ratio = devicePixelRatio;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const style = getComputedStyle(document.documentElement);
    const colours = Array.from({ length: COLOURS }, (_, n) => style.getPropertyValue(`--c${n}`));
    const bad = style.getPropertyValue("--bad");
    const { model, axis } = this;
    const [first, last] = this.bounds;
    let deepest = 0;
    for (let span = first; span < last; span++) deepest = Math.max(deepest, model.depth[span]);
    const levels = Math.min(OVERVIEW_LEVELS, deepest + 1);
    const step = Math.min((height - 8) / levels, 9);
    const painted = new Map(); // by level and colour, up to which point: what is narrower than that is there already
    for (const failed of [0, 1]) {
      painted.clear();
      for (let span = first; span < last; span++) {
        if (model.depth[span] >= levels || model.failed[span] !== failed) continue;
        const spot = model.depth[span] * COLOURS + model.colour(span), end = model.end[span];
        if (end <= (painted.get(spot) ?? -1)) continue;
        painted.set(spot, Math.max(end, model.start[span] + axis.total / width));
        pen.fillStyle = failed ? bad : colours[model.colour(span)];
        const x = ((model.start[span] - axis.first) / axis.total) * width;
        const wide = Math.max(((model.end[span] - model.start[span]) / axis.total) * width, 1);
        pen.fillRect(x, 4 + model.depth[span] * step, wide, Math.max(step - 1, 1));
      }
    }
  }

  // --- mouse and wheel ---

  _listen() {
    const rows = this._rows;
    rows.addEventListener("scroll", () => this.draw(), { passive: true });
    rows.addEventListener("click", (event) => this._clicked(event));
    rows.addEventListener("dblclick", (event) => {
      const row = event.target.closest(".row");
      if (row && event.target.closest(".track")) this.axis.showSpan(this.model.start[row.span], this.model.end[row.span]);
      else if (row && !event.target.closest(".toggle")) this.toggle(row.span);
    });
    byId("waterfall").addEventListener("wheel", (event) => this._wheel(event), { passive: false });
    rows.addEventListener("pointerdown", (event) => this._grab(event));
    for (const [id, range] of [["ruler", this.axis], ["overview", { axis: this.axis, get from() { return this.axis.first; }, get length() { return this.axis.total; } }]]) {
      byId(id).addEventListener("pointerdown", (event) => this._brush(event, range));
      byId(id).addEventListener("dblclick", () => this.axis.showAll());
    }
    this._listenToSplitter();
    new ResizeObserver(() => {
      this.draw();
      this.drawOverview();
    }).observe(rows);
  }

  _clicked(event) {
    const row = event.target.closest(".row");
    if (!row || this._dragged) return;
    if (event.target.closest(".toggle") && this.model.hasChildren(row.span)) {
      this.toggle(row.span);
      return;
    }
    this.select(row.span, { reveal: false });
    this._opened(row.span);
  }

  _wheel(event) {
    const outside = !event.target.closest("#rows");
    const side = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    const left = byId("ruler").getBoundingClientRect().left;
    if (event.ctrlKey || event.metaKey || (outside && !side)) {
      event.preventDefault();
      const fraction = between((event.clientX - left) / this._width, 0, 1);
      this.axis.zoom(1.0025 ** between(event.deltaY, -250, 250), fraction);
    } else if (side) {
      event.preventDefault();
      this.axis.pan(side / this._width);
    }
  }

  /** Drag the bars to see what was earlier or later. */
  _grab(event) {
    this._dragged = false;
    if (event.button || event.pointerType === "touch" || !event.target.closest(".track")) return;
    const from = this.axis.from, length = this.axis.length, x = event.clientX;
    follow((moved) => {
      if (Math.abs(moved.clientX - x) > 3) this._dragged = true;
      const start = between(from - ((moved.clientX - x) / this._width) * length, this.axis.first, this.axis.last - length);
      if (this._dragged) this.axis.show(start, start + length);
    });
  }

  /** Drag over the ruler, or the overview, to zoom into a part. */
  _brush(event, range) {
    if (event.button) return;
    event.preventDefault();
    const box = byId("ruler").getBoundingClientRect(), brush = byId("brush");
    const fraction = (at) => between((at.clientX - box.left) / box.width, 0, 1);
    const start = fraction(event), offset = byId("ruler").offsetLeft;
    const { from, length } = range;
    let end = start;
    const moved = (at) => {
      end = fraction(at);
      brush.hidden = false;
      brush.style.left = `${offset + Math.min(start, end) * box.width}px`;
      brush.style.width = `${Math.abs(end - start) * box.width}px`;
    };
    follow(moved, () => {
      brush.hidden = true;
      if (Math.abs(end - start) * box.width < 4) return;
      this.axis.show(from + Math.min(start, end) * length, from + Math.max(start, end) * length);
    });
  }

  _listenToSplitter() {
    const splitter = byId("splitter"), home = byId("waterfall");
    const resize = (percent) => {
      this._names = between(percent, 10, 70);
      home.style.setProperty("--names", `${this._names}%`);
      splitter.setAttribute("aria-valuenow", Math.round(this._names));
      this.draw();
      this.drawOverview();
    };
    resize(38);
    splitter.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      const box = home.getBoundingClientRect();
      follow((moved) => resize(((moved.clientX - box.left) / box.width) * 100));
    });
    splitter.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -2, ArrowRight: 2 }[event.key];
      if (step) {
        event.preventDefault();
        event.stopPropagation();
        resize(this._names + step);
      }
    });
  }
}

/** Follow the pointer until it is let go. */
function follow(moved, done = () => {}) {
  const stop = (last) => {
    removeEventListener("pointermove", moved);
    removeEventListener("pointerup", stop);
    removeEventListener("pointercancel", stop);
    if (last.type === "pointerup") done();
  };
  // On the window, and not by capture: a captured pointer's click would miss the row below it.
  addEventListener("pointermove", moved);
  addEventListener("pointerup", stop);
  addEventListener("pointercancel", stop);
}

/** How bad a note is. */
function toneOf(kind, label) {
  if (kind === "exception" || ["error", "critical", "fatal"].includes(label)) return "bad";
  return kind === "dropped" || label.startsWith("warn") ? "warn" : "";
}
