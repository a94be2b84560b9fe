// Building blocks of the page. Text goes in as text, never as markup.

// h makes an element: h('p', {class: 'x', onclick: f}, 'text', child, …).
export function h(tag, props, ...kids) {
  return fill(document.createElement(tag), props, kids);
}

// svg is h for pictures.
export function svg(tag, props, ...kids) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), props, kids);
}

function fill(el, props, kids) {
  for (const [key, value] of Object.entries(props || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith('on')) el.addEventListener(key.slice(2), value);
    else if (key === 'value' || key === 'checked' || key === 'indeterminate') el[key] = value;
    else el.setAttribute(key === 'className' ? 'class' : key, value === true ? '' : String(value));
  }
  put(el, kids);
  return el;
}

// put appends children: nodes, text, lists of both; nothing for null and false.
export function put(el, kids) {
  for (const kid of [kids].flat(Infinity)) {
    if (kid === null || kid === undefined || kid === false || kid === '') continue;
    el.append(kid instanceof Node ? kid : String(kid));
  }
  return el;
}

// swap puts other children in the place of those that are there.
export function swap(el, ...kids) {
  el.replaceChildren();
  return put(el, kids);
}

// text sets a text if it is another one; what does not change is not drawn again.
export function text(el, value) {
  value = String(value ?? '');
  if (el.textContent !== value) el.textContent = value;
}

// attr sets an attribute if it is another one, and removes it for null.
export function attr(el, key, value) {
  if (value === null || value === undefined || value === false) {
    if (el.hasAttribute(key)) el.removeAttribute(key);
  } else if (el.getAttribute(key) !== String(value)) el.setAttribute(key, value);
}

// reveal scrolls a row of links to the current one, if that is out of sight.
export function reveal(row) {
  const el = row.querySelector('[aria-current]');
  if (!el) return;
  const a = el.getBoundingClientRect(), b = row.getBoundingClientRect();
  if (a.left < b.left || a.right > b.right) row.scrollLeft += (a.left + a.right - b.left - b.right) / 2;
}

export function show(el, yes) {
  if (el.hidden === Boolean(yes)) el.hidden = !yes;
}

// What must not act in a name: control characters, and those that turn the
// direction of text or cannot be seen.
const acting = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/gu;

const code = c => '\\u' + c.codePointAt(0).toString(16).padStart(4, '0');

// clean is a name as text in which nothing acts.
export function clean(text) {
  return String(text ?? '').replace(acting, code);
}

// within is a name inside a sentence: clean, and isolated from its direction. raw
// are its bytes in base64, where they are not UTF-8.
export function within(text, raw) {
  return '\u2068' + clean(raw ? fromBytes(raw) : text) + '\u2069';
}

// name is a name as an element: isolated, with what would act shown as its code.
// raw are its bytes in base64, where they are not UTF-8.
export function name(value, raw) {
  return setName(h('bdi', {class: 'name'}), value, raw);
}

export function setName(el, value, raw) {
  const text = raw ? fromBytes(raw) : String(value ?? '');
  if (el.shown === text) return el;
  el.shown = text;
  el.replaceChildren();
  let at = 0;
  for (const m of text.matchAll(acting)) {
    el.append(text.slice(at, m.index), h('span', {class: 'code'}, code(m[0])));
    at = m.index + m[0].length;
  }
  el.append(text.slice(at));
  return el;
}

// fromBytes is text for bytes in base64; what is no UTF-8 is shown as \xNN.
function fromBytes(raw) {
  const bytes = Uint8Array.from(atob(raw), c => c.charCodeAt(0));
  const strict = new TextDecoder('utf-8', {fatal: true});
  let out = '';
  for (let i = 0; i < bytes.length;) {
    const n = bytes[i] < 0x80 ? 1 : bytes[i] < 0xe0 ? 2 : bytes[i] < 0xf0 ? 3 : 4;
    try {
      out += strict.decode(bytes.subarray(i, i + n));
      i += n;
    } catch {
      out += '\\x' + bytes[i].toString(16).padStart(2, '0');
      i++;
    }
  }
  return out;
}

// bytes64 is a path as the API takes it: its bytes in base64.
export function bytes64(path, raw) {
  if (raw) return raw;
  let s = '';
  for (const b of new TextEncoder().encode(path)) s += String.fromCharCode(b);
  return btoa(s);
}

// keyed makes the children of an element those of the items, and keeps what is
// there: make(item) gives {el, update(item)}, asked for once for each key.
export function keyed(parent, items, key, make) {
  const had = parent.parts || new Map();
  const now = new Map();
  let before = parent.firstElementChild;
  for (const item of items) {
    const k = key(item);
    if (now.has(k)) continue;
    const part = had.get(k) || make(item);
    part.update(item);
    now.set(k, part);
    if (part.el === before) before = before.nextElementSibling;
    else parent.insertBefore(part.el, before);
  }
  for (const [k, part] of had) if (!now.has(k)) part.el.remove();
  parent.parts = now;
}

const paths = {
  good: 'M4 10.5l4 4 8-9', busy: 'M4 10a6 6 0 0 1 10.5-4M16 10a6 6 0 0 1-10.5 4M14.5 2.5V6H11M5.5 17.5V14H9',
  waiting: 'M10 5.5V10l3 2M10 2.5a7.5 7.5 0 1 1 0 15a7.5 7.5 0 0 1 0-15', paused: 'M7 5v10M13 5v10',
  bad: 'M10 4.5v6.5M10 14.5v.2', folder: 'M2.5 5.5h5l2 2h8v8.5h-15z', file: 'M5 2.5h6.5L15 6v11.5H5zM11.5 2.5V6H15',
  symlink: 'M11 5h4v4M15 5l-7 7M9 6H5v9h9v-4', away: 'M4 4l12 12M16 4L4 16', on: 'M10 6.5a3.5 3.5 0 1 1 0 7a3.5 3.5 0 0 1 0-7',
  theme: 'M10 2.5a7.5 7.5 0 1 0 0 15zM10 2.5a7.5 7.5 0 0 1 0 15', plus: 'M10 4v12M4 10h12', join: 'M10 3v9M6 8.5l4 4 4-4M4 16.5h12',
};

// icon is a small picture without meaning of its own: the words stand beside it.
export function icon(which) {
  return svg('svg', {class: 'icon icon-' + which, viewBox: '0 0 20 20', 'aria-hidden': 'true', focusable: 'false'}, svg('path', {d: paths[which] || paths.on}));
}

export function kindIcon(kind) {
  return icon(kind === 'dir' || kind === 'directory' ? 'folder' : kind === 'symlink' ? 'symlink' : 'file');
}

// withIcon is what is said of an entry beside its icon, however many lines that takes.
export function withIcon(kind, ...kids) {
  return h('div', {class: 'entry'}, kindIcon(kind), h('div', {}, kids));
}

export function button(label, onclick, props) {
  return h('button', {type: 'button', class: 'button', onclick, ...props}, label);
}
