// The flame view: spans of one name below parents of one name are one frame, as wide as their time.

const FRAME = 23;
const NARROWEST = 1.5;

class Frame {
  constructor(name, above, colour) {
    this.name = name;
    this.colour = colour;
    this.above = above;
    this.depth = above ? above.depth + 1 : 0;
    this.spans = [];
    this.below = new Map();
    this.total = 0;
    this.self = 0;
    this.failed = 0;
    this.value = 0;
  }
}

class Flame {
  constructor(model, search, { chosen }) {
    this.model = model;
    this.search = search;
    this._chosen = chosen;
    this._home = byId("frames");
    this._home.addEventListener("click", (event) => this._clicked(event));
    this._home.addEventListener("dblclick", () => this.zoom(this.selected));
    new ResizeObserver(() => this.draw()).observe(byId("flame"));
  }

  /** All frames in one; made when it is first looked at. */
  get all() {
    return (this._all ??= this._gather());
  }

  _gather() {
    const { model } = this;
    const all = new Frame("all", null, "all");
    const frames = new Array(model.count);
    const order = [all];
    for (let span = 0; span < model.count; span++) {
      const above = model.up[span] < 0 ? all : frames[model.up[span]];
      let frame = above.below.get(model.name[span]);
      if (!frame) {
        frame = new Frame(model.nameOf(span), above, `c${model.colour(span)}`);
        above.below.set(model.name[span], frame);
        order.push(frame);
      }
      frames[span] = frame;
      frame.spans.push(span);
      frame.total += model.end[span] - model.start[span];
      frame.self += model.self[span];
      frame.failed += model.failed[span] ? 1 : 0;
    }
    // What ran at the same time is added up, so a frame is as wide as its own time and all below it.
    for (const frame of order.reverse()) {
      frame.value += frame.self;
      if (frame.above) frame.above.value += frame.value;
    }
    for (const frame of all.below.values()) all.total += frame.total;
    return all;
  }

  draw() {
    const width = this._home.clientWidth;
    if (!width) return;
    this.focus ??= this.all;
    this.selected ??= this.all;
    const made = [];
    let deepest = 0;
    const waiting = [];
    const place = (frame, left, wide, above) => {
      made.push(this._element(frame, left, wide, above));
      deepest = Math.max(deepest, frame.depth);
    };
    for (let above = this.focus.above; above; above = above.above) place(above, 0, width, true);
    waiting.push([this.focus, 0, width]);
    while (waiting.length) {
      const [frame, left, wide] = waiting.pop();
      place(frame, left, wide, false);
      let at = left;
      for (const inner of sorted(frame)) {
        const share = frame.value ? (inner.value / frame.value) * wide : 0;
        if (share >= NARROWEST) waiting.push([inner, at, share]);
        at += share;
      }
    }
    this._home.replaceChildren(...made);
    this._home.style.height = `${(deepest + 1) * FRAME}px`;
    byId("lineage").textContent = `${this.focus === this.all ? "All spans" : this.focus.name}, by name. `
      + "The width is the total time; concurrent spans are added up.";
  }

  _element(frame, left, wide, above) {
    const classes = ["frame", frame.colour];
    if (above) classes.push("above");
    if (frame.failed) classes.push("failed");
    if (this.search.isFound && !frame.spans.some((span) => this.search.isFound[span])) classes.push("dim");
    const label = `${duration(frame.value)}, ${counted(frame.spans.length || this.model.count, "span")}`;
    const made = element("div", {
      className: classes.join(" "), role: "treeitem", title: `${frame.name}\n${label}\n${duration(frame.self)} of its own`,
      ariaLabel: `${frame.name}, ${label}`, tabIndex: frame === this.selected ? 0 : -1,
    }, wide > 30 ? frame.name : "", wide > 120 ? element("small", {}, label) : "");
    made.setAttribute("aria-level", frame.depth + 1);
    made.setAttribute("aria-selected", frame === this.selected);
    made.style.left = `${left}px`;
    made.style.top = `${frame.depth * FRAME}px`;
    made.style.width = `${wide}px`;
    made.frame = frame;
    return made;
  }

  select(frame) {
    this.selected = frame;
    if (!this._isInSight(frame)) this.focus = frame;
    this.draw();
    [...this._home.children].find((each) => each.frame === frame)?.focus();
    this._chosen(frame);
  }

  /** Zoom to a frame; to the one above it, if it is zoomed to already. */
  zoom(frame) {
    this.focus = frame === this.focus && frame.above ? frame.above : frame;
    this.select(frame);
  }

  zoomOut() {
    if (this.focus === this.all) return false;
    this.focus = this.focus.above;
    this.select(this.focus);
    return true;
  }

  /** What a key does here; whether it did. */
  key(key) {
    const frame = this.selected ?? this.all;
    const beside = frame.above ? sorted(frame.above) : [frame];
    const at = beside.indexOf(frame);
    const next = {
      ArrowUp: frame.above,
      ArrowDown: sorted(frame)[0],
      ArrowLeft: beside[at - 1],
      ArrowRight: beside[at + 1],
      Home: this.all,
    }[key];
    if (next) this.select(next);
    else if (key === "Enter" || key === " " || key === "z") this.zoom(frame);
    else if (key === "0") {
      this.focus = this.all;
      this.select(this.all);
    } else return key.startsWith("Arrow");
    return true;
  }

  _clicked(event) {
    const frame = event.target.closest(".frame")?.frame;
    if (frame && frame !== this.selected) this.select(frame);
  }

  _isInSight(frame) {
    return [...this._home.children].some((each) => each.frame === frame);
  }
}

/** What is below a frame, the longest first. */
function sorted(frame) {
  return [...frame.below.values()].sort((one, other) => other.value - one.value);
}
