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
    });
    const keepDetails = (span) => this.details.isOpen && this.details.showSpan(span);
    this.waterfall = new Waterfall(this.model, this.search, {
      chosen: keepDetails,
      opened: (span) => this.details.showSpan(span),
    });
    this.flame = new Flame(this.model, this.search, { chosen: (frame) => this.details.showFrame(frame, this.flame.all) });
    this._summarise();
    this._listen();
    if (this.model.count) this.waterfall.select(0);
    byId("rows").focus();
  }

  get isFlame() {
    return byId("waterfall").hidden;
  }

  _summarise() {
    const { model } = this;
    const parts = [`${counted(model.count, "span")} in ${duration(model.total)}`];
    if (model.failures.length) parts.push(element("span", { className: "bad" }, `${model.failures.length.toLocaleString("en")} failed`));
    if (model.unread) parts.push(element("span", { className: "warn" }, `${counted(model.unread, "line")} unread`));
    byId("summary").append(...parts.flatMap((each, at) => (at ? [" · ", each] : [each])));
    byId("failures").disabled = !model.failures.length;
    this._sayMatches();
  }

  // --- views ---

  view(name) {
    for (const each of ["waterfall", "flame"]) {
      byId(each).hidden = each !== name;
      byId(`tab-${each}`).setAttribute("aria-selected", each === name);
      byId(`tab-${each}`).tabIndex = each === name ? 0 : -1;
    }
    if (name === "flame") this.flame.select(this.flame.selected ?? this.flame.all);
    else {
      this.details.hide();
      this.waterfall.draw();
      byId("rows").focus();
    }
  }

  /** Show a span in the waterfall, with its details. */
  go(span) {
    if (this.isFlame) this.view("waterfall");
    if (this.waterfall.filter && !this.waterfall.filter[span]) this._filter(null);
    this.waterfall.select(span);
    this.waterfall.seek(span);
    this.details.showSpan(span);
    byId("rows").focus();
  }

  closeDetails() {
    this.details.hide();
    if (!this.isFlame) byId("rows").focus();
  }

  // --- search ---

  searchFor(key, text) {
    byId("search").value = `${key}=${text.split(/\s/, 1)[0]}`;
    this._search();
  }

  _search() {
    this.search.find(byId("search").value);
    this._sayMatches();
    if (byId("only").getAttribute("aria-pressed") === "true") this._filter("only");
    else this.waterfall.draw();
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
    if (span < 0) return;
    if (this.isFlame) this.view("waterfall");
    if (this.waterfall.filter && !this.waterfall.filter[span]) this._filter(null);
    this.waterfall.select(span);
    this.waterfall.seek(span);
  }

  /** Show matches only, failures only, or (null) all. */
  _filter(kind) {
    for (const each of ["only", "failures"]) byId(each).setAttribute("aria-pressed", each === kind);
    const wanted = kind === "only" ? this.search.found : kind === "failures" ? this.model.failures : null;
    this.waterfall.show(wanted && withParents(this.model, wanted));
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
    for (const name of ["waterfall", "flame"]) {
      byId(`tab-${name}`).onclick = () => this.view(name);
      byId(`tab-${name}`).addEventListener("keydown", (event) => this._tabKey(event));
    }
    this._theme(THEMES.matches ? "dark" : "light");
    THEMES.addEventListener("change", () => this._theme(THEMES.matches ? "dark" : "light"));
    document.addEventListener("keydown", (event) => this._key(event));
  }

  _turnTheme() {
    this._theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
  }

  _tabKey(event) {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    event.stopPropagation();
    const name = this.isFlame ? "waterfall" : "flame";
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
    else byId("rows").focus();
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
    }[event.key];
    if (anywhere) {
      anywhere();
      return true;
    }
    if (["BUTTON", "PRE"].includes(event.target.tagName) || byId("details").contains(event.target)) return false;
    if (this.isFlame) return this.flame.key(event.key);
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
    } else this.waterfall.axis.showAll();
  }
}

new App(JSON.parse(byId("data").textContent));
