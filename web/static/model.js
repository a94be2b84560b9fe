// What the page knows of the node, and who wants to hear of it. However many
// messages come, whoever draws is called ten times a second at most.

import {get} from './api.js';

export const model = {
  node: null,
  folders: new Map(), // by path
  happened: [],       // the latest first
  more: 0,            // that were not told one by one
  loaded: false,
};

const maxHappened = 200;
const drawers = new Set();
let dirty = false;

let drawn = 0;
const pace = 100; // ms from one drawing to the next: nobody reads faster

export function touch() {
  if (dirty) return;
  dirty = true;
  const draw = () => requestAnimationFrame(drawAll);
  const wait = drawn + pace - performance.now();
  if (wait > 0) setTimeout(draw, wait);
  else draw();
}

function drawAll(now) {
  if (pressed) {
    late = true;
    return;
  }
  dirty = false;
  drawn = now;
  for (const f of drawers) f(model);
}

// While somebody presses something it stays where it is: it is a click only where it is
// let go. Of who never does, or elsewhere, the page need not hear.
const longest = 3000, click = 50; // ms; a finger's click comes after it was let go
let pressed = 0, late = false;

function press(ms) {
  clearTimeout(pressed);
  pressed = setTimeout(() => {
    pressed = 0;
    if (late) requestAnimationFrame(drawAll);
    late = false;
  }, ms);
}
addEventListener('pointerdown', () => press(longest), true);
for (const end of ['pointerup', 'pointercancel']) addEventListener(end, () => press(click), true);

// watch has f called whenever something changed, until what it returns is called.
export function watch(f) {
  drawers.add(f);
  return () => drawers.delete(f);
}

let loading = null;
let meanwhile = []; // messages that came while everything was asked for

// load asks for everything. What is told until that is here counts after it: the
// answer may be older.
export function load() {
  loading ||= get('overview').then(all => {
    model.node = all.node;
    model.folders = new Map(all.folders.map(f => [f.path, keep(f)]));
    for (const [kind, data] of meanwhile) put(kind, data);
    const first = !model.loaded;
    model.loaded = true;
    if (first) drawAll(performance.now()); // nobody waits for a frame before there is anything
    else touch();
  }).finally(() => {
    loading = null;
    meanwhile = [];
  });
  return loading;
}

function keep(f) {
  for (const list of ['peers', 'problems', 'conflicts', 'dialers']) f[list] ||= [];
  f.want ||= {entries: 0, bytes: 0};
  f.whole ||= f.want;
  return f;
}

// done is the share of what a folder had to get that is there, null if it wants nothing.
export function done(f) {
  const [all, left] = f.whole.bytes ? [f.whole.bytes, f.want.bytes] : [f.whole.entries, f.want.entries];
  return all && (f.want.entries || f.want.bytes) ? Math.max(0, Math.min(1, 1 - left / all)) : null;
}

// take is for the messages of the stream.
export function take(kind, data, id) {
  if (kind === 'reset') {
    const before = loading?.catch(() => {}); // its answer may be from before the gap
    Promise.resolve(before).then(load).catch(() => {}); // the stream ends too, and is begun anew
    return;
  }
  if (kind === 'happened') happened(data, id || 'm' + ++unnumbered);
  else if (loading) meanwhile.push([kind, data]);
  if (kind === 'happened' || put(kind, data)) touch();
}

// put takes what has changed, and reports whether it knows what that is.
function put(kind, data) {
  switch (kind) {
    case 'node':
      model.node = data;
      return true;
    case 'folder':
      model.folders.set(data.path, keep(data));
      return true;
    case 'gone':
      model.folders.delete(data.path);
      return true;
  }
  return false;
}

let unnumbered = 0;

// happened takes what a message tells, of which each has a key of its own: the number
// of the message, and where in it.
function happened(list, id) {
  for (const [i, e] of list.entries()) {
    if (e.event === 'more') {
      model.more += Number(e.text) || 0;
      continue;
    }
    e.key = id + '.' + i;
    model.happened.unshift(e);
  }
  model.happened.length = Math.min(model.happened.length, maxHappened);
}
