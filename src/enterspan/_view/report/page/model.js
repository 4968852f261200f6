// The spans, as columns. A span is a number: its place in the tree, read from top to bottom.

const COLOURS = 8;
const BLOCKS_KEPT = 64;

/** The bytes of a base64 text. */
function bytesOf(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

class Model {
  constructor(data) {
    const column = (name, Type) => new Type(bytesOf(data[name]).buffer);
    this.names = data.names;
    this.name = column("name", Uint32Array);
    this.up = column("up", Int32Array);
    this.start = column("start", Float64Array);
    this.took = column("took", Float64Array);
    this.outcomes = data.outcomes;
    this.outcome = column("outcome", Uint16Array);
    this.failed = column("failed", Uint8Array);
    this.services = data.services;
    this.service = column("service", Uint16Array);
    this.trace = column("trace", Uint32Array);
    this._ids = column("id", Uint32Array);
    this._traces = bytesOf(data.traces);
    this.base = data.base;
    this.unread = data.unread;
    this.count = data.count;
    this._detailBase = data.detailBase;
    this._block = data.block;
    this._blocks = new Map();
    this._measure();
    this.colours = coloursOf(this.names);
    this.isByService = false;
    this.failures = [];
    for (let span = 0; span < this.count; span++) if (this.failed[span]) this.failures.push(span);
  }

  /** What few spans have: attributes `a`, notes `n`, links `l`, kind `k`, info `i`, status `s`, cpu `c`, root `r`,
   *  resource `o`, and what the status says of an error `e`. */
  more(span) {
    const number = Math.floor(span / this._block);
    let block = this._blocks.get(number);
    if (!block) {
      block = this.blockOf(number);
      if (this._blocks.size >= BLOCKS_KEPT) this._blocks.delete(this._blocks.keys().next().value);
      this._blocks.set(number, block);
    }
    return block[span] ?? NOTHING;
  }

  blockOf(number) {
    const block = JSON.parse(byId(`more-${number}`).textContent);
    for (const more of Object.values(block)) for (const note of more.n ?? []) note[1] += this._detailBase;
    return block;
  }

  /** The details of all spans, one after the other. */
  *details() {
    for (let number = 0; number * this._block < this.count; number++) {
      const block = this._blocks.get(number) ?? this.blockOf(number);
      const end = Math.min((number + 1) * this._block, this.count);
      for (let span = number * this._block; span < end; span++) yield [span, block[span] ?? NOTHING];
    }
  }

  idOf(span) {
    return hex(this._ids[2 * span + 1]) + hex(this._ids[2 * span]);
  }

  traceOf(span) {
    const at = this.trace[span] * 16;
    return Array.from(this._traces.subarray(at, at + 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  nameOf(span) {
    return this.names[this.name[span]];
  }

  serviceOf(span) {
    return this.services[this.service[span]] ?? "";
  }

  outcomeOf(span) {
    return this.outcomes[this.outcome[span]];
  }

  colour(span) {
    return this.isByService ? this.service[span] % COLOURS : this.colours[this.name[span]];
  }

  hasChildren(span) {
    return this.last[span] > span + 1;
  }

  children(span) {
    const found = [];
    for (let child = span + 1; child < this.last[span]; child = this.last[child]) found.push(child);
    return found;
  }

  /** The spans above one, outermost first. */
  lineage(span) {
    const found = [];
    for (let at = this.up[span]; at >= 0; at = this.up[at]) found.push(at);
    return found.reverse();
  }

  rootOf(span) {
    while (this.up[span] >= 0) span = this.up[span];
    return span;
  }

  /** The span of these ids, or -1. */
  find(traceId, spanId) {
    if (!/^[0-9a-f]{32}$/.test(traceId) || !/^[0-9a-f]{16}$/.test(spanId)) return -1;
    const high = parseInt(spanId.slice(0, 8), 16), low = parseInt(spanId.slice(8), 16);
    for (let span = 0; span < this.count; span++) {
      if (this._ids[2 * span] === low && this._ids[2 * span + 1] === high && this.traceOf(span) === traceId) return span;
    }
    return -1;
  }

  /** The first span of the trace whose id begins so, or -1. */
  findTrace(beginning) {
    if (!/^[0-9a-f]{1,32}$/.test(beginning)) return -1;
    for (const root of this.roots) if (this.traceOf(root).startsWith(beginning)) return root;
    return -1;
  }

  _measure() {
    const count = this.count;
    this.depth = new Int32Array(count);
    this.last = new Int32Array(count);
    this.end = new Float64Array(count);
    this.until = new Float64Array(count); // the end of a span and all below it
    this.total = 1;
    this.roots = [];
    for (let span = 0; span < count; span++) {
      if (this.up[span] < 0) this.roots.push(span);
      this.depth[span] = this.up[span] < 0 ? 0 : this.depth[this.up[span]] + 1;
      this.total = Math.max(this.total, this.start[span] + Math.max(this.took[span], 0));
    }
    for (let span = count - 1; span >= 0; span--) {
      const above = this.up[span];
      this.last[span] = Math.max(this.last[span], span + 1);
      this.until[span] = Math.max(this.until[span], this.start[span] + Math.max(this.took[span], 0));
      if (above >= 0) {
        this.last[above] = Math.max(this.last[above], this.last[span]);
        this.until[above] = Math.max(this.until[above], this.until[span]);
      }
    }
    for (const root of this.roots) {
      for (let span = root; span < this.last[root]; span++) {
        this.end[span] = this.took[span] < 0 ? this.until[root] : this.start[span] + this.took[span];
      }
    }
    this._measureSelf();
  }

  /** A span's own time is that in which no child of it was open. Children come in order of their start. */
  _measureSelf() {
    this.self = new Float64Array(this.count);
    const covered = Float64Array.from(this.start);
    for (let span = 0; span < this.count; span++) {
      this.self[span] = Math.max(this.end[span] - this.start[span], 0);
      const above = this.up[span];
      if (above < 0) continue;
      const from = Math.max(this.start[span], covered[above]);
      const to = Math.min(this.end[span], this.end[above]);
      if (to > from) this.self[above] -= to - from;
      covered[above] = Math.max(covered[above], to);
    }
  }

  /** The spans that a root's end waited for: from its end backwards, always the child that ended last. */
  criticalPath(root) {
    const path = new Set([root]);
    const waiting = [[root, this.end[root]]];
    while (waiting.length) {
      let [span, until] = waiting.pop();
      for (const child of this.children(span).sort((one, other) => this.end[other] - this.end[one])) {
        if (this.end[child] > until || this.start[child] >= until) continue;
        path.add(child);
        waiting.push([child, this.end[child]]);
        until = this.start[child];
      }
    }
    return path;
  }

  /** How many failures began below each root: of spans that failed, those in which no child did. */
  get failuresOfRoots() {
    if (!this._failuresOfRoots) {
      const passed = new Uint8Array(this.count);
      for (const span of this.failures) if (this.up[span] >= 0) passed[this.up[span]] = 1;
      this._failuresOfRoots = new Map();
      for (const span of this.failures) {
        if (passed[span]) continue;
        const root = this.rootOf(span);
        this._failuresOfRoots.set(root, (this._failuresOfRoots.get(root) ?? 0) + 1);
      }
    }
    return this._failuresOfRoots;
  }
}

const NOTHING = {};

function hex(number) {
  return number.toString(16).padStart(8, "0");
}

/** Names that begin alike (`shop.cart`, `shop.pay`) have one colour; the first ones differ. */
function coloursOf(names) {
  const known = new Map();
  return names.map((name) => {
    const beginning = beginningOf(name);
    if (!known.has(beginning)) known.set(beginning, known.size % COLOURS);
    return known.get(beginning);
  });
}

function beginningOf(name) {
  return name.split(/[.:/\s]/, 1)[0];
}
