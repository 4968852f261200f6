// Which spans are found, and which are shown.

class Search {
  constructor(model) {
    this.model = model;
    this.found = null;
    this.isFound = null;
    this.words = [];
  }

  /** Find the spans that have every word: in the name, an attribute, a log. `key=value` is an attribute, exactly;
   *  quotes keep blanks: `"no money"`, `who="Ann Lee"`. */
  find(query) {
    const terms = termsOf(query);
    this.words = terms.filter(([key]) => key === null).map(([, text]) => text);
    if (!terms.length) {
      this.found = this.isFound = null;
      return;
    }
    this.found = [];
    this.isFound = new Uint8Array(this.model.count);
    const inNames = this._namesWith(terms);
    for (const [span, more] of this.model.details()) {
      if (terms.every((term, at) => inNames[at][this.model.name[span]] || this._has(span, more, term))) {
        this.found.push(span);
        this.isFound[span] = 1;
      }
    }
  }

  _namesWith(terms) {
    return terms.map(([key, text]) => this.model.names.map((name) => key === null && name.toLowerCase().includes(text)));
  }

  _has(span, more, [key, text]) {
    const { model } = this;
    if (key !== null) return this._hasValue(span, more, key, text);
    if (model.outcomeOf(span).toLowerCase().includes(text) || model.serviceOf(span).toLowerCase().includes(text)) return true;
    for (const part of [more.i, more.s, more.e]) if (part !== undefined && String(part).toLowerCase().includes(text)) return true;
    const within = (flat) => pairs(flat).some(([name, value]) => `${name}=${valueText(value)}`.toLowerCase().includes(text));
    if (within(more.a)) return true;
    for (const [, , label, said, attributes] of more.n ?? []) {
      if (label.toLowerCase().includes(text) || said.toLowerCase().includes(text) || within(attributes)) return true;
    }
    return text.length >= 8 && /^[0-9a-f]+$/.test(text) && (model.traceOf(span).startsWith(text) || model.idOf(span).startsWith(text));
  }

  _hasValue(span, more, key, text) {
    const { model } = this;
    const is = (value) => valueText(value).toLowerCase() === text;
    const within = (flat) => pairs(flat).some(([name, value]) => name.toLowerCase() === key && is(value));
    if (within(more.a) || within(more.o)) return true;
    for (const [kind, , label, said, attributes] of more.n ?? []) {
      const known = { exception: ["exception.type", label, "exception.message", said], log: ["log.severity", label, "log.message", said] }[kind];
      if (within(attributes) || within(known)) return true;
    }
    const field = { name: model.nameOf(span), outcome: model.outcomeOf(span), service: model.serviceOf(span), kind: more.k ?? "internal", status: more.s }[key];
    return field !== undefined && is(field);
  }

  /** The found span after or before another, round about; -1 where there is none. */
  next(span, step) {
    const found = this.found ?? [];
    if (!found.length) return -1;
    const at = step > 0 ? found.findIndex((each) => each > span) : found.findLastIndex((each) => each < span);
    return at >= 0 ? found[at] : found[step > 0 ? 0 : found.length - 1];
  }
}

/** A query's terms: pairs of a key, or null, and a text, in lower case. */
function termsOf(query) {
  const found = query.toLowerCase().match(/(?:[^\s"]|"[^"]*"?)+/g) ?? [];
  return found.map((term) => {
    const plain = term.replaceAll('"', "");
    const [, key, text] = term.startsWith('"') ? [] : plain.match(/^([^=]+)=(.*)$/s) ?? [];
    return key === undefined ? [null, plain] : [key, text];
  }).filter(([key, text]) => key !== null || text);
}

/** A text as nodes, in which the words that were searched for are marked. */
function marked(text, words) {
  if (!words.length) return [text];
  const lower = text.toLowerCase(), nodes = [];
  for (let at = 0; at < text.length; ) {
    let next = -1, length = 0;
    for (const word of words) {
      const found = lower.indexOf(word, at);
      if (found >= 0 && (next < 0 || found < next)) [next, length] = [found, word.length];
    }
    if (next < 0 || lower.length !== text.length) {
      nodes.push(text.slice(at));
      break;
    }
    if (next > at) nodes.push(text.slice(at, next));
    nodes.push(element("mark", {}, text.slice(next, next + length)));
    at = next + length;
  }
  return nodes;
}

/** The wanted spans and all above them, as flags. */
function withParents(model, wanted) {
  const flags = new Uint8Array(model.count);
  for (let span of wanted) {
    for (; span >= 0 && !flags[span]; span = model.up[span]) flags[span] = 1;
  }
  return flags;
}
