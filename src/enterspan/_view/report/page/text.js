// Texts and elements. Whatever comes from a trace becomes a text node: nothing here parses HTML.

const UNITS = [["ns", 1], ["µs", 1e3], ["ms", 1e6], ["s", 1e9]];

/** A duration of so many nanoseconds, in three digits and a unit. */
function duration(ns) {
  ns = Math.max(ns, 0);
  for (const [unit, size] of UNITS) {
    const number = ns / size;
    if (number < (unit === "s" ? 59.95 : 999.5)) {
      const digits = unit === "ns" || number >= 99.95 ? 0 : number >= 9.995 ? 1 : 2;
      return `${number.toFixed(digits)} ${unit}`;
    }
  }
  const seconds = Math.round(ns / 1e9);
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (days) return `${days}d ${hours}h`;
  return hours ? `${hours}h ${minutes}m` : `${minutes}m ${seconds % 60}s`;
}

/** A point on an axis whose ticks are `step` nanoseconds apart. */
function moment(ns, step) {
  const scale = Math.max(Math.abs(ns), step);
  const [unit, size] = UNITS.findLast(([, size]) => scale >= size) ?? UNITS[0];
  const digits = Math.max(0, Math.ceil(-Math.log10(step / size) - 1e-9));
  return `${(ns / size).toFixed(Math.min(digits, 9))} ${unit}`;
}

/** A number of things; the word is made plural by an s. */
function counted(number, word) {
  return `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;
}

/** An attribute's value. */
function valueText(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The pairs of a flat list of keys and values. */
function pairs(flat) {
  const found = [];
  for (let at = 0; at < (flat?.length ?? 0); at += 2) found.push([flat[at], flat[at + 1]]);
  return found;
}

/** A moment as the time of day, here. */
function clockText([milliseconds, rest], ns) {
  const date = new Date(milliseconds + Math.floor((rest + ns) / 1e6));
  if (Number.isNaN(date.getTime())) return "?";
  const two = (number) => String(number).padStart(2, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** Copy a text; pages that were opened from a file may have to do it the old way. */
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.body.appendChild(element("textarea", { value: text }));
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

/** A new element with properties and children; a text that is a child stays text. */
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

function byId(id) {
  return document.getElementById(id);
}

function between(value, low, high) {
  return Math.max(low, Math.min(value, high));
}
