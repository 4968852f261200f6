// The spans, as columns. A span is a number: its place in the tree, read from top to bottom.

const COLOURS = 8;

class Model {
  constructor(data) {
    this.names = data.names;
    this.name = data.name;
    this.up = data.up;
    this.start = data.start;
    this.took = data.took;
    this.outcomes = data.outcomes;
    this.outcome = data.outcome;
    this.ids = data.id;
    this.traces = data.traces;
    this.trace = data.trace;
    this.base = data.base;
    this.unread = data.unread;
    this._more = data.more;
    this.count = data.up.length;
    this._measure();
    this.colours = coloursOf(this.names);
    this.failed = this.outcome.map((_, span) => this.outcomeOf(span) === "exception" || this.more(span).e !== undefined);
    this.failures = this.failed.flatMap((failed, span) => (failed ? [span] : []));
  }

  /** What few spans have: attributes `a`, notes `n`, links `l`, kind `k`, info `i`, status `s`, cpu `c`, root `r`,
   *  and what the status says of an error `e`. */
  more(span) {
    return this._more[span] ?? {};
  }

  nameOf(span) {
    return this.names[this.name[span]];
  }

  outcomeOf(span) {
    return this.outcomes[this.outcome[span]];
  }

  colour(span) {
    return this.colours[this.name[span]];
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

  find(traceId, spanId) {
    this._byId ??= new Map(this.ids.map((id, span) => [`${this.traces[this.trace[span]]}:${id}`, span]));
    return this._byId.get(`${traceId}:${spanId}`) ?? -1;
  }

  _measure() {
    const count = this.count;
    this.depth = new Int32Array(count);
    this.last = new Int32Array(count);
    this.end = new Float64Array(count);
    this.total = 1;
    for (let span = 0; span < count; span++) {
      this.depth[span] = this.up[span] < 0 ? 0 : this.depth[this.up[span]] + 1;
      this.total = Math.max(this.total, this.start[span] + Math.max(this.took[span], 0));
    }
    for (let span = count - 1; span >= 0; span--) {
      this.last[span] = Math.max(this.last[span], span + 1);
      if (this.up[span] >= 0) this.last[this.up[span]] = Math.max(this.last[this.up[span]], this.last[span]);
      this.end[span] = this.took[span] < 0 ? this.total : this.start[span] + this.took[span];
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
}

/** Names that begin alike (`shop.cart`, `shop.pay`) have one colour; the first ones differ. */
function coloursOf(names) {
  const known = new Map();
  return names.map((name) => {
    const beginning = name.split(/[.:/\s]/, 1)[0];
    if (!known.has(beginning)) known.set(beginning, known.size % COLOURS);
    return known.get(beginning);
  });
}
