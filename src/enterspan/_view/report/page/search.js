// Which spans are found, and which are shown.

class Search {
  constructor(model) {
    this.model = model;
    this.found = null;
    this.isFound = null;
  }

  /** Find the spans that have every word: in the name, an attribute, a log; `key=value` in an attribute. */
  find(query) {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) {
      this.found = this.isFound = null;
      return;
    }
    this._texts ??= this._textsOfAll();
    this.found = [];
    this.isFound = new Uint8Array(this.model.count);
    for (let span = 0; span < this.model.count; span++) {
      const text = this._texts[span];
      if (words.every((word) => text.includes(word))) {
        this.found.push(span);
        this.isFound[span] = 1;
      }
    }
  }

  /** The found span after or before another, round about; -1 where there is none. */
  next(span, step) {
    const found = this.found ?? [];
    if (!found.length) return -1;
    const at = step > 0 ? found.findIndex((each) => each > span) : found.findLastIndex((each) => each < span);
    return at >= 0 ? found[at] : found[step > 0 ? 0 : found.length - 1];
  }

  _textsOfAll() {
    return Array.from({ length: this.model.count }, (_, span) => {
      const more = this.model.more(span);
      const parts = [this.model.nameOf(span), this.model.outcomeOf(span), more.i ?? "", more.s ?? "", more.e ?? ""];
      const add = (flat) => { for (const [key, value] of pairs(flat)) parts.push(`${key}=${valueText(value)}`); };
      add(more.a);
      for (const [, , label, text, attributes] of more.n ?? []) {
        parts.push(label, text);
        add(attributes);
      }
      return parts.join("\n").toLowerCase();
    });
  }
}

/** The wanted spans and all above them, as flags. */
function withParents(model, wanted) {
  const flags = new Uint8Array(model.count);
  for (let span of wanted) {
    for (; span >= 0 && !flags[span]; span = model.up[span]) flags[span] = 1;
  }
  return flags;
}
