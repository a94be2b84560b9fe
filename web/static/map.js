// The map: this node, its peers, and what is between them, as this node sees it.

import {h, svg, swap, text, show, setName, clean, keyed, within} from './dom.js';
import {t, size, ago, isTime} from './words.js';
import {model, watch} from './model.js';
import {label, transport} from './states.js';
import {empty} from './ui.js';

// links are the peers of all folders, each once.
function links(m) {
  const by = new Map();
  for (const f of m.folders.values()) {
    for (const p of f.peers) {
      const key = p.node || p.name;
      const l = by.get(key) || {key, name: p.name || key, connected: false, how: '', address: '', folders: [], synced: true, queued: {entries: 0, bytes: 0}, wants: {entries: 0, bytes: 0}, in: 0, out: 0, seen: ''};
      l.folders.push(label(f));
      l.queued.entries += p.queued.entries;
      l.queued.bytes += p.queued.bytes;
      if (p.connected) {
        l.connected = true;
        l.how = transport(p);
        l.address = p.address;
        const others = f.peers.filter(x => x.connected).length;
        l.wants.entries += f.want.entries;
        l.wants.bytes += f.want.bytes;
        l.synced &&= p.in_sync && !f.want.entries;
        l.many ||= others > 1 && f.want.entries > 0;
        l.shared ||= others > 1 && f.rate.in + f.rate.out > 0;
        l.in += f.rate.in;
        l.out += f.rate.out;
      }
      if (String(p.last_seen) > l.seen) l.seen = p.last_seen;
      by.set(key, l);
    }
  }
  return [...by.values()].sort((a, b) => (b.connected - a.connected) || a.name.localeCompare(b.name));
}

function rates(l) {
  return [l.in > 0 && t('rate_in', {rate: size(l.in, true)}), l.out > 0 && t('rate_out', {rate: size(l.out, true)})].filter(Boolean).join(' · ');
}

const short = (s, n) => { s = clean(s); return [...s].length > n ? [...s].slice(0, n - 1).join('') + '…' : s; };

export function mount(root) {
  const picture = h('div', {class: 'map'}), rows = h('tbody'), none = empty(t('map_none'), t('map_none_text'));
  const box = h('div', {class: 'stack'}, picture, h('p', {class: 'muted small'}, t('map_honest')),
    h('div', {class: 'scroll', tabindex: '0', role: 'group', 'aria-label': t('map_table')}, h('table', {}, h('caption', {}, t('map_table')), h('thead', {}, h('tr', {}, ['peer', 'how', 'rate', 'queue', 'wants', 'folders'].map(k => h('th', {scope: 'col'}, t('col_' + k))))), rows)));
  swap(root, h('div', {class: 'page-head'}, h('h1', {tabindex: '-1'}, t('map')), h('p', {class: 'lead'}, t('map_lead'))), none, box);
  let last = '', timer = 0;
  const paint = () => {
    const all = links(model);
    show(none, !all.length);
    show(box, all.length > 0);
    keyed(rows, all, l => l.key, row);
    const key = JSON.stringify([all, picture.clientWidth, model.node?.name]);
    if (key === last || !all.length) return;
    last = key;
    swap(picture, draw(all, picture.clientWidth || 320));
  };
  const soon = () => { timer ||= setTimeout(() => { timer = 0; paint(); }, 300); };
  paint();
  const sized = new ResizeObserver(paint);
  sized.observe(picture);
  const stop = watch(soon);
  return () => { stop(); sized.disconnect(); clearTimeout(timer); };
}

function row() {
  const who = h('bdi', {class: 'name strong'}), cells = ['how', 'rate', 'queue', 'wants', 'folders'].map(() => h('td'));
  return {el: h('tr', {}, h('th', {scope: 'row'}, who), cells), update(l) {
    setName(who, l.name);
    text(cells[0], l.connected ? l.how : isTime(l.seen) ? t('away_since', {ago: ago(l.seen)}) : t('never_seen'));
    text(cells[1], rates(l) ? rates(l) + (l.shared ? ' *' : '') : '–');
    text(cells[2], l.queued.entries ? t('queued', {n: l.queued.entries, size: size(l.queued.bytes)}) : '–');
    text(cells[3], l.wants.entries ? t('awaited', {n: l.wants.entries, size: size(l.wants.bytes)}) + (l.many ? ' *' : '') : '–');
    text(cells[4], l.folders.map(within).join(', '));
  }};
}

// draw is the picture: around the node where there is room, else below it.
function draw(all, width) {
  const total = {in: 0, out: 0, entries: 0, bytes: 0};
  for (const f of model.folders.values()) {
    total.in += f.rate.in;
    total.out += f.rate.out;
    total.entries += f.want.entries;
    total.bytes += f.want.bytes;
  }
  const wide = width >= 640, shown = all.slice(0, wide ? 24 : 40);
  const g = [], boxW = wide ? 170 : Math.min(230, width - 90), boxH = 64;
  let height, at, me;
  if (wide) {
    const perRing = 12, n = shown.length, few = n < 3; // those stand beside the node
    const rx = Math.min(width / 2 - boxW / 2 - 12, few ? 260 : 460), ry = few ? 0 : n > 6 ? 250 : n > 4 ? 190 : 110;
    height = ry * 2 + boxH + 40;
    me = {x: width / 2 - (n === 1 ? rx / 2 : 0), y: height / 2};
    at = shown.map((_, i) => {
      const ring = n > perRing && i % 2 ? 0.58 : 1;
      const a = few ? i * Math.PI : -Math.PI / 2 + (i + 0.5) * 2 * Math.PI / n - (n % 2 ? 0 : Math.PI / n);
      return {x: me.x + rx * ring * Math.cos(a), y: me.y + ry * ring * Math.sin(a)};
    });
  } else {
    height = 90 + shown.length * (boxH + 34);
    me = {x: boxW / 2 + 8, y: 40};
    at = shown.map((_, i) => ({x: width - boxW / 2 - 8, y: 110 + i * (boxH + 34)}));
  }
  shown.forEach((l, i) => {
    const p = at[i], busy = l.in + l.out > 0 && (!l.shared || l.queued.entries > 0);
    const cls = 'edge ' + (l.connected ? (busy ? 'edge-busy' : 'edge-on') : 'edge-away');
    g.push(svg('path', {class: cls, d: wide ? `M${me.x} ${me.y}L${p.x} ${p.y}` : `M28 ${me.y}V${p.y}H${p.x - boxW / 2}`}));
  });
  shown.forEach((l, i) => {
    const p = at[i];
    const what = l.connected ? [l.how, !l.shared && rates(l)].filter(Boolean).join(' · ') : isTime(l.seen) ? t('away_since', {ago: ago(l.seen)}) : t('never_seen');
    const wait = l.queued.entries ? t('waits', {n: l.queued.entries, size: size(l.queued.bytes)}) : !l.connected ? '' : l.synced ? t('in_sync') : l.wants.entries ? '' : t('catching_up');
    g.push(box(p.x, p.y, boxW, boxH, [short(l.name, wide ? 20 : 26), short(what, wide ? 28 : 36), short(wait, 30)], l.connected ? 'on' : 'away'));
  });
  g.push(box(me.x, me.y, wide ? 190 : boxW, boxH, [short(model.node?.name || '', 18), rates(total) || t('this_node'), total.entries && t('waits', {n: total.entries, size: size(total.bytes)})], 'me'));
  return svg('svg', {viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', 'aria-label': t('map_label', {n: all.length, on: all.filter(l => l.connected).length})}, g);
}

function box(x, y, w, hgt, lines, cls) {
  const used = lines.filter(Boolean), top = y - (used.length - 1) * 8.5 + 4.5;
  return svg('g', {class: 'map-box map-' + cls}, svg('rect', {x: x - w / 2, y: y - hgt / 2, width: w, height: hgt, rx: 10}),
    used.map((l, i) => svg('text', {x, y: top + i * 17, 'text-anchor': 'middle', class: i ? 'map-small' : 'map-name'}, l)));
}
