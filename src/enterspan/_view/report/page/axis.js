// The part of the time that is seen. Times are nanoseconds since the first span's start.

const SHORTEST = 100;

class Axis {
  constructor(total, changed) {
    this._changed = changed;
    this.first = 0;
    this.total = total;
    this.from = 0;
    this.to = total;
  }

  get length() {
    return this.to - this.from;
  }

  get last() {
    return this.first + this.total;
  }

  get isAll() {
    return this.from <= this.first && this.to >= this.last;
  }

  /** Have a beginning and an end, and show all between them. */
  limit(first, last) {
    this.first = first;
    this.total = Math.max(last - first, 1);
    this.showAll();
  }

  show(from, to) {
    const length = between(to - from, Math.min(SHORTEST, this.total), this.total);
    this.from = between((from + to - length) / 2, this.first, this.last - length);
    this.to = this.from + length;
    this._changed();
  }

  showAll() {
    this.show(this.first, this.last);
  }

  /** Show a span, with some room at its sides. */
  showSpan(start, end) {
    const room = Math.max(end - start, SHORTEST) * 0.06;
    this.show(start - room, end + room);
  }

  /** Zoom so that what is at a fraction of the width stays there. */
  zoom(factor, fraction = 0.5) {
    const length = between(this.length * factor, Math.min(SHORTEST, this.total), this.total);
    const from = this.from + (this.length - length) * fraction;
    this.show(from, from + length);
  }

  pan(fraction) {
    const from = between(this.from + this.length * fraction, this.first, this.last - this.length);
    this.show(from, from + this.length);
  }

  /** Round points, as many as fit; counted from where the axis begins. */
  ticks(width) {
    const wanted = this.length / Math.max(width / 95, 1);
    const power = 10 ** Math.floor(Math.log10(wanted));
    const step = Math.max([1, 2, 5, 10].find((times) => times * power >= wanted) * power, 1);
    const found = [];
    const first = Math.ceil((this.from - this.first) / step) * step + this.first;
    for (let at = first; at < this.to && found.length < 60; at += step) found.push(at);
    return { step, at: found };
  }
}
