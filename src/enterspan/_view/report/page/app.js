// The page: its header, its two views, and its keys.

const THEMES = matchMedia("(prefers-color-scheme: dark)");

class App {
  constructor(data) {
    this.model = new Model(data);
    this.search = new Search(this.model);
    this.details = new Details(this.model, {
      go: (span) => this.go(span),
      close: () => this.closeDetails(),
      searchFor: (key, text) => this.searchFor(key, text),
      words: () => this.search.words,
    });
    this.waterfall = new Waterfall(this.model, this.search, {
      chosen: (span) => {
        this._link(span);
        if (this.details.isOpen) this.details.showSpan(span);
      },
      opened: (span) => this.details.showSpan(span),
    });
    this.list = new List(this.model, this.search, { opened: (root) => this.open(root) });
    this.flame = new Flame(this.model, this.search, { chosen: (frame) => this.details.showFrame(frame, this.flame.all) });
    this._summarise();
    this._listen();
    this._drawLegend();
    this._begin();
  }

  /** Where a link leads; else the only invocation, or the list of all. */
  _begin() {
    const { model } = this;
    if (!model.count) return;
    if (this._goToLink()) return;
    if (model.roots.length > 1) this.view("list");
    else {
      this.waterfall.enter(-1);
      this.waterfall.select(0);
      byId("rows").focus();
    }
  }

  /** Go to what `#trace=…&span=…` names; return whether that is here. */
  _goToLink() {
    const { model } = this, link = new URLSearchParams(location.hash.slice(1));
    const trace = (link.get("trace") ?? "").toLowerCase(), id = (link.get("span") ?? "").toLowerCase();
    const root = trace ? model.findTrace(trace) : -1;
    const span = id && root >= 0 ? model.find(model.traceOf(root), id) : root;
    if (span < 0) return false;
    this.open(model.rootOf(span), span);
    if (id) this.details.showSpan(span);
    return true;
  }

  _link(span) {
    const { model } = this;
    if (span < 0) return;
    const link = `#trace=${model.traceOf(span)}&span=${model.idOf(span)}`;
    try {
      history.replaceState(null, "", link);
    } catch {
      // A page in a frame without an origin has no address of its own.
    }
  }

  /** Show one invocation on its own axis. */
  open(root, span = root) {
    this._shown = "waterfall";
    this.waterfall.enter(this.model.roots.length > 1 ? root : -1);
    this.view("waterfall");
    this.waterfall.select(span);
  }

  get isFlame() {
    return !byId("flame").hidden;
  }

  get isList() {
    return !byId("list").hidden;
  }

  _drawLegend() {
    const { model } = this, legend = byId("legend");
    const several = model.services.length > 0;
    const known = new Map();
    if (model.isByService) model.services.forEach((service, at) => known.set(service || "?", at % COLOURS));
    else model.names.forEach((name, at) => known.has(beginningOf(name)) || known.set(beginningOf(name), model.colours[at]));
    const shown = [...known].slice(0, 12).map(([text, colour]) =>
      element("span", {}, element("i", { className: `dot c${colour}`, ariaHidden: "true" }), text));
    if (known.size > 12) shown.push(element("span", {}, `and ${known.size - 12} more`));
    const turn = several && element("button", { onclick: () => this._turnColours() }, model.isByService ? "by service" : "by name");
    legend.replaceChildren(element("span", {}, "Colours "), ...(turn ? [turn] : []), ...shown);
    legend.hidden = known.size < 2 && !several;
  }

  _turnColours() {
    this.model.isByService = !this.model.isByService;
    this._drawLegend();
    this.waterfall.draw();
    this.waterfall.drawOverview();
  }

  _summarise() {
    const { model } = this;
    const parts = [`${counted(model.count, "span")} in ${duration(model.total)}`];
    if (model.roots.length > 1) parts.unshift(counted(model.roots.length, "invocation"));
    const failed = [...model.failuresOfRoots.values()].reduce((sum, count) => sum + count, 0);
    if (failed) parts.push(element("span", { className: "bad" }, `${failed.toLocaleString("en")} failed`));
    if (model.unread) parts.push(element("span", { className: "warn" }, `${counted(model.unread, "line")} unread`));
    byId("summary").append(...parts.flatMap((each, at) => (at ? [" · ", each] : [each])));
    byId("failures").disabled = !model.failures.length;
    this._sayMatches();
  }

  // --- views ---

  view(name) {
    for (const each of ["list", "waterfall", "flame"]) {
      byId(each).hidden = each !== name;
      byId(`tab-${each}`).setAttribute("aria-selected", each === name);
      byId(`tab-${each}`).tabIndex = each === name ? 0 : -1;
    }
    byId("out").hidden = this.waterfall.scope < 0;
    byId("critical").hidden = name !== "waterfall";
    if (name === "flame") this.flame.select(this.flame.selected ?? this.flame.all);
    else {
      this.details.hide();
      if (name === "list") {
        if (this.waterfall.scope >= 0) this.list.selected = this.waterfall.scope;
        this.list.draw();
        byId("lines").focus();
        return;
      }
      if (this._shown === undefined) this._whole();
      this.waterfall.draw();
      this.waterfall.drawOverview();
      byId("rows").focus();
    }
  }

  /** The waterfall of all invocations, when it is first looked at. */
  _whole() {
    this._shown = "waterfall";
    this.waterfall.enter(-1);
    if (this.waterfall.selected < 0 && this.model.count) this.waterfall.select(0);
  }

  /** From one invocation to all. */
  _out() {
    this.view("list");
  }

  /** Show a span in the waterfall, with its details. */
  go(span) {
    this._reach(span);
    this.details.showSpan(span);
    byId("rows").focus();
  }

  /** Select a span in the waterfall, wherever it is. */
  _reach(span) {
    const { waterfall, model } = this, root = model.rootOf(span);
    if (waterfall.filter && !waterfall.filter[span]) this._filter(null);
    if (waterfall.scope >= 0 && waterfall.scope !== root) waterfall.enter(root);
    if (this.isList) this.open(root, span);
    else if (this.isFlame) this.view("waterfall");
    waterfall.select(span);
    waterfall.seek(span);
  }

  closeDetails() {
    this.details.hide();
    if (!this.isFlame) byId(this.isList ? "lines" : "rows").focus();
  }

  // --- search ---

  searchFor(key, text) {
    byId("search").value = /\s/.test(text) ? `${key}="${text.replaceAll('"', "")}"` : `${key}=${text}`;
    this._search();
  }

  _search() {
    this.search.find(byId("search").value);
    this._sayMatches();
    if (byId("only").getAttribute("aria-pressed") === "true") this._filter("only");
    else {
      this.waterfall.draw();
      this.list.show(byId("failures").getAttribute("aria-pressed") === "true" ? this.model.failures : this.search.found);
    }
    if (this.isFlame) this.flame.draw();
  }

  _sayMatches() {
    const found = this.search.found;
    byId("matches").textContent = found ? counted(found.length, "match").replace("matchs", "matches") : "";
    for (const id of ["previous", "next"]) byId(id).disabled = !found?.length;
    byId("only").disabled = !found && byId("only").getAttribute("aria-pressed") !== "true";
  }

  step(step) {
    const span = this.search.next(this.waterfall.selected, step);
    if (span >= 0) this._reach(span);
  }

  /** Show matches only, failures only, or (null) all. */
  _filter(kind) {
    for (const each of ["only", "failures"]) byId(each).setAttribute("aria-pressed", each === kind);
    const wanted = kind === "only" ? this.search.found : kind === "failures" ? this.model.failures : null;
    this.waterfall.show(wanted && withParents(this.model, wanted));
    this.list.show(wanted ?? this.search.found);
    this._sayMatches();
  }

  _toggleFilter(kind) {
    if (!byId(kind).disabled) this._filter(byId(kind).getAttribute("aria-pressed") === "true" ? null : kind);
  }

  // --- dark and light ---

  _theme(name) {
    document.documentElement.dataset.theme = name;
    this.waterfall.drawOverview();
  }

  // --- keys ---

  _listen() {
    const input = byId("search");
    let timer = 0;
    input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => this._search(), this.model.count > 5000 ? 120 : 0);
    });
    byId("next").onclick = () => this.step(1);
    byId("previous").onclick = () => this.step(-1);
    byId("only").onclick = () => this._toggleFilter("only");
    byId("failures").onclick = () => this._toggleFilter("failures");
    byId("zoom-in").onclick = () => this._zoom(0.5);
    byId("zoom-out").onclick = () => this._zoom(2);
    byId("zoom-all").onclick = () => this.waterfall.axis.showAll();
    byId("theme").onclick = () => this._turnTheme();
    byId("help").onclick = () => byId("keys").showModal();
    byId("critical").onclick = () => this._turnCritical();
    byId("out").onclick = () => this._out();
    addEventListener("hashchange", () => this._goToLink());
    // A click on a button leaves the keys to the view.
    document.addEventListener("click", (event) => {
      const button = event.detail && event.target.closest?.("header button, #zoom button, #legend button");
      if (button && button.id !== "help" && !this.isFlame) byId(this.isList ? "lines" : "rows").focus();
    });
    for (const name of ["list", "waterfall", "flame"]) {
      byId(`tab-${name}`).onclick = () => this.view(name);
      byId(`tab-${name}`).addEventListener("keydown", (event) => this._tabKey(event));
    }
    this._theme(THEMES.matches ? "dark" : "light");
    THEMES.addEventListener("change", () => this._theme(THEMES.matches ? "dark" : "light"));
    document.addEventListener("keydown", (event) => this._key(event));
  }

  _turnCritical() {
    this.waterfall.toggleCritical();
    byId("critical").setAttribute("aria-pressed", this.waterfall.isCritical);
  }

  _turnTheme() {
    this._theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
  }

  _tabKey(event) {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    event.stopPropagation();
    const names = ["list", "waterfall", "flame"];
    const at = names.indexOf(this.isFlame ? "flame" : this.isList ? "list" : "waterfall");
    const name = names[(at + (event.key === "ArrowRight" ? 1 : 2)) % 3];
    this.view(name);
    byId(`tab-${name}`).focus();
  }

  _key(event) {
    if (byId("keys").open || event.ctrlKey || event.metaKey || event.altKey) return;
    const handled = event.target === byId("search") ? this._searchKey(event) : this._pageKey(event);
    if (handled) event.preventDefault();
  }

  _searchKey(event) {
    if (event.key === "Enter") this.step(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape") {
      byId("search").value = "";
      this._search();
      this._leaveSearch();
    } else if (event.key === "ArrowDown") this._leaveSearch();
    else return false;
    return true;
  }

  _leaveSearch() {
    if (this.isFlame) this.flame.select(this.flame.selected);
    else byId(this.isList ? "lines" : "rows").focus();
  }

  _pageKey(event) {
    const anywhere = {
      "/": () => byId("search").select(),
      "?": () => byId("keys").showModal(),
      Escape: () => this._escape(),
      n: () => this.step(1),
      N: () => this.step(-1),
      o: () => this._toggleFilter("only"),
      e: () => this._toggleFilter("failures"),
      t: () => this._turnTheme(),
      1: () => this.view("waterfall"),
      2: () => this.view("flame"),
      3: () => this.view("list"),
      c: () => this._turnCritical(),
      Backspace: () => this._out(),
    }[event.key];
    if (anywhere) {
      anywhere();
      return true;
    }
    if (["BUTTON", "PRE"].includes(event.target.tagName) || byId("details").contains(event.target)) return false;
    if (this.isFlame) return this.flame.key(event.key);
    if (this.isList) return this.list.key(event.key);
    return this.model.count > 0 && this._waterfallKey(event.key);
  }

  _waterfallKey(key) {
    const { waterfall, model } = this;
    const { axis, selected: span } = waterfall;
    const page = Math.max(Math.floor(byId("rows").clientHeight / ROW) - 1, 1);
    const action = {
      ArrowDown: () => waterfall.move(1),
      ArrowUp: () => waterfall.move(-1),
      PageDown: () => waterfall.move(page),
      PageUp: () => waterfall.move(-page),
      Home: () => waterfall.move(-Infinity),
      End: () => waterfall.move(Infinity),
      ArrowRight: () => this._inward(span),
      ArrowLeft: () => this._outward(span),
      "*": () => waterfall.toggleAll(span),
      Enter: () => {
        this.details.showSpan(span);
        this.details.focus();
      },
      "+": () => this._zoom(0.7),
      "=": () => this._zoom(0.7),
      "-": () => this._zoom(1 / 0.7),
      0: () => axis.showAll(),
      z: () => axis.showSpan(model.start[span], model.end[span]),
      a: () => axis.pan(-0.2),
      d: () => axis.pan(0.2),
    }[key];
    action?.();
    return action !== undefined;
  }

  /** Zoom around the middle of the selected span, if that is in sight. */
  _zoom(factor) {
    const { axis, selected: span } = this.waterfall;
    const fraction = ((this.model.start[span] + this.model.end[span]) / 2 - axis.from) / axis.length;
    axis.zoom(factor, fraction > 0 && fraction < 1 ? fraction : 0.5);
  }

  _inward(span) {
    if (!this.model.hasChildren(span)) return;
    if (this.waterfall.collapsed[span]) this.waterfall.toggle(span, false);
    else this.waterfall.move(1);
  }

  _outward(span) {
    if (this.model.hasChildren(span) && !this.waterfall.collapsed[span]) this.waterfall.toggle(span, true);
    else if (this.model.up[span] >= 0) this.waterfall.select(this.model.up[span]);
  }

  /** Leave what was entered last: details, filter and search, zoom. */
  _escape() {
    if (this.details.isOpen && !(this.isFlame && this.flame.focus !== this.flame.all)) this.closeDetails();
    else if (this.isFlame) this.flame.zoomOut();
    else if (this.waterfall.filter || this.search.found) {
      byId("search").value = "";
      this._filter(null);
      this._search();
    } else if (!this.waterfall.axis.isAll) this.waterfall.axis.showAll();
    else if (this.waterfall.scope >= 0) this._out();
  }
}

new App(JSON.parse(byId("data").textContent));
