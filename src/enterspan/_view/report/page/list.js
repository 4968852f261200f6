// The invocations, as a table: one line for each root, of which only those in sight exist as elements.

const LINE = 26;

class List {
  constructor(model, search, { opened }) {
    this.model = model;
    this.search = search;
    this.selected = model.roots[0] ?? -1;
    this.order = "took";
    this.isDown = true;
    this._opened = opened;
    this._filter = null;
    this._home = byId("lines");
    this._pool = [];
    this._waiting = false;
    byId("list").classList.toggle("services", model.services.length > 0);
    this._home.addEventListener("scroll", () => this.draw(), { passive: true });
    this._home.addEventListener("click", (event) => this._clicked(event));
    for (const head of byId("heads").children) head.addEventListener("click", () => this._sortBy(head.dataset.by));
    new ResizeObserver(() => this.draw()).observe(this._home);
    this.arrange();
  }

  /** Show the invocations in which something was found or, with `spans`, those of these spans. */
  show(spans) {
    this._filter = spans && new Set(spans.map((span) => this.model.rootOf(span)));
    this.arrange();
  }

  arrange() {
    const { model } = this;
    const roots = this._filter ? model.roots.filter((root) => this._filter.has(root)) : [...model.roots];
    const key = {
      start: (root) => model.start[root],
      took: (root) => model.end[root] - model.start[root],
      failed: (root) => model.failuresOfRoots.get(root) ?? 0,
      spans: (root) => model.last[root] - root,
      name: (root) => model.nameOf(root),
      service: (root) => model.serviceOf(root),
    }[this.order];
    const way = this.isDown ? -1 : 1;
    const keys = new Map(roots.map((root) => [root, key(root)]));
    this.shown = roots.sort((one, other) => {
      const [a, b] = [keys.get(one), keys.get(other)];
      return a < b ? -way : a > b ? way : one - other;
    });
    for (const head of byId("heads").children) {
      if (head.dataset.by === this.order) head.setAttribute("aria-sort", this.isDown ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    byId("lines-spacer").style.height = `${Math.min(this.shown.length * LINE, HIGHEST)}px`;
    byId("no-lines").hidden = this.shown.length > 0;
    this.draw();
  }

  _sortBy(order) {
    this.isDown = order === this.order ? !this.isDown : !["name", "service", "start"].includes(order);
    this.order = order;
    this._home.scrollTop = 0;
    this.arrange();
    this._home.focus();
  }

  select(root) {
    this.selected = root;
    const at = this.shown.indexOf(root), height = this._home.clientHeight;
    const stretch = this._stretch();
    if (at * LINE < this._home.scrollTop * stretch) this._home.scrollTop = (at * LINE) / stretch;
    else if ((at + 1) * LINE > this._home.scrollTop * stretch + height) this._home.scrollTop = ((at + 1) * LINE - height) / stretch;
    this.draw();
  }

  /** What a key does here; whether it did. */
  key(key) {
    const at = this.shown.indexOf(this.selected);
    const page = Math.max(Math.floor(this._home.clientHeight / LINE) - 1, 1);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[key];
    if (step !== undefined && this.shown.length) this.select(this.shown[between(at + step, 0, this.shown.length - 1)]);
    else if ((key === "Enter" || key === "ArrowRight") && this.selected >= 0) this._opened(this.selected);
    else return step !== undefined;
    return true;
  }

  _stretch() {
    const height = this._home.clientHeight;
    const real = this.shown.length * LINE - height;
    const spacer = Math.min(this.shown.length * LINE, HIGHEST) - height;
    return real > 0 && spacer > 0 ? real / spacer : 1;
  }

  draw() {
    if (this._waiting) return;
    this._waiting = true;
    requestAnimationFrame(() => {
      this._waiting = false;
      this._draw();
    });
  }

  _draw() {
    const height = this._home.clientHeight;
    if (!height) return;
    const offset = this._home.scrollTop * this._stretch();
    const first = Math.floor(offset / LINE);
    const count = Math.min(Math.ceil(height / LINE) + 1, this.shown.length - first);
    this._longest ??= this.model.roots.reduce((most, root) => Math.max(most, this.model.end[root] - this.model.start[root]), 1);
    while (this._pool.length < count) this._pool.push(byId("lines-window").appendChild(this._newLine()));
    this._pool.forEach((line, at) => {
      line.hidden = at >= count;
      if (at < count) this._fill(line, this.shown[first + at], first + at, (first + at) * LINE - offset);
    });
  }

  _newLine() {
    const cell = (name) => element("span", { className: `cell ${name}`, role: "cell" });
    const cells = { start: cell("start"), service: cell("service"), name: cell("what"), took: cell("length"), failed: cell("failed-count"), spans: cell("spans") };
    const line = element("div", { className: "line", role: "row" }, ...Object.values(cells));
    line.cells = cells;
    return line;
  }

  _fill(line, root, place, top) {
    const { model } = this, { cells } = line;
    const more = model.more(root), took = model.end[root] - model.start[root];
    const failures = model.failuresOfRoots.get(root) ?? 0;
    line.root = root;
    line.style.transform = `translateY(${top}px)`;
    line.setAttribute("aria-selected", root === this.selected);
    line.setAttribute("aria-rowindex", place + 1);
    line.classList.toggle("failed", model.failed[root] === 1 || more.s >= 500);
    cells.start.textContent = clockText(model.base, model.start[root]);
    cells.start.title = dateText(model.base, model.start[root]);
    cells.service.textContent = model.serviceOf(root);
    cells.name.replaceChildren(...marked(model.nameOf(root), this.search.words), element("small", {}, hintOf(model, root)));
    cells.name.title = `${model.nameOf(root)}\n${hintOf(model, root)}`;
    cells.took.textContent = model.took[root] < 0 ? "unfinished" : duration(took);
    cells.took.style.setProperty("--share", `${(took / this._longest) * 100}%`);
    cells.failed.textContent = failures ? failures.toLocaleString("en") : "";
    cells.spans.textContent = (model.last[root] - root).toLocaleString("en");
  }

  _clicked(event) {
    const line = event.target.closest(".line");
    if (!line) return;
    this.selected = line.root;
    this._opened(line.root);
  }
}

/** What is said beside the name of an invocation. */
function hintOf(model, root) {
  const more = model.more(root), words = [];
  const outcome = model.outcomeOf(root);
  if (outcome !== "ok" && outcome !== "exception") words.push(outcome);
  if (more.s !== undefined) words.push(more.s);
  const failure = (more.n ?? []).findLast(([kind]) => kind === "exception");
  if (failure && model.failed[root]) words.push(`${failure[2]}: ${failure[3]}`);
  if (more.i) words.push(more.i);
  for (const [key, value] of pairs(more.a)) {
    if (words.length > 5) break;
    words.push(`${key}=${valueText(value).slice(0, 80)}`);
  }
  return words.join("  ").slice(0, 300);
}
