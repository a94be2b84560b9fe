// What a file holds, shown: text as text, pictures as pictures, two texts line
// by line. Nothing of it is ever markup of this page.

import {h, swap, button, text} from './dom.js';
import {t, size, moment, count, isTime} from './words.js';
import {verb} from './api.js';
import {act, loading, failed} from './ui.js';

const textPart = 64 * 1024;
const linesShown = 600;

// acting are characters that turn the direction of text: shown as their code,
// as a source that reads otherwise than it is deceives.
const turning = /[\u202a-\u202e\u2066-\u2069]/g;
const plain = s => s.replace(turning, c => `\\u${c.charCodeAt(0).toString(16)}`).replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, c => String.fromCodePoint(c === '\u007f' ? 0x2421 : 0x2400 + c.charCodeAt(0)));

// urls are the pictures of a view; they go when it goes.
export function pictures() {
  const all = [];
  return {
    make(type, data) {
      const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0));
      const url = URL.createObjectURL(new Blob([bytes], {type}));
      all.push(url);
      return url;
    },
    drop() { for (const u of all.splice(0)) URL.revokeObjectURL(u); },
  };
}

const imageTypes = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];

// preview shows one state of a path: {path, version, at}. It returns an element
// at once, and fills it.
export function preview(folder, query, label, urls) {
  const box = h('div', {class: 'preview'}, loading());
  const run = async () => {
    try {
      const c = await verb('content', folder, {...query, limit: textPart});
      const about = h('p', {class: 'muted small'}, [size(c.size), isTime(c.mtime) && moment(c.mtime)].filter(Boolean).join(' · '));
      if (c.type === 'text') {
        const out = h('pre', {class: 'text', tabindex: '0', 'aria-label': label});
        const foot = h('div', {class: 'row'});
        lay(out, plain(c.text || ''));
        swap(box, about, out, foot);
        more(folder, query, c, out, foot);
      } else if (imageTypes.includes(c.type) && c.data) {
        const broken = () => swap(box, about, h('p', {class: 'muted'}, t('broken_image')));
        swap(box, about, h('div', {class: 'checker'}, h('img', {src: urls.make(c.type, c.data), alt: label, onerror: broken})));
      } else if (c.type === 'symlink') swap(box, about, h('p', {}, t('points_to')), h('pre', {class: 'command'}, plain(c.text || '')));
      else swap(box, about, h('p', {class: 'muted'}, t(c.type === 'directory' ? 'is_directory' : c.type === 'none' ? 'no_content' : 'no_preview')));
    } catch (e) {
      swap(box, failed(e, run));
    }
  };
  run();
  return box;
}

const block = 8192; // characters

// lay appends a text in blocks that end where a line does: to lay out a line of a
// megabyte in one takes a browser half a minute.
function lay(out, text) {
  const last = out.lastElementChild?.textContent;
  if (last && last.length < block && !last.endsWith('\n')) { // its line goes on
    text = last + text;
    out.lastElementChild.remove();
  }
  for (let at = 0; at < text.length;) {
    let end = Math.min(at + block, text.length);
    const line = text.lastIndexOf('\n', end - 1) + 1;
    if (end < text.length) end = line > at ? line : end + /[\ud800-\udbff]/.test(text[end - 1]);
    out.append(h('div', {}, text.slice(at, end)));
    at = end;
  }
}

// more adds the next part of a long text, up to a size that a page can bear.
function more(folder, query, c, out, foot) {
  if (!c.truncated) return;
  const next = c.next || c.text.length;
  const enough = (out.textContent.length >= 2 << 20);
  swap(foot, h('p', {class: 'muted small'}, t('text_part', {done: size(next), all: size(c.size)})), !enough && button(t('more_text'), act(async () => {
    const n = await verb('content', folder, {...query, offset: next, limit: 4 * textPart});
    lay(out, plain(n.text || ''));
    more(folder, query, {...n, size: c.size, next: n.next || next + (n.text || '').length, truncated: n.truncated && Boolean(n.text)}, out, foot);
    if (!n.truncated) swap(foot);
  }), {class: 'button slim'}));
}

// compare shows how two states differ, line by line; where they are no text,
// show says what to show instead.
export function compare(folder, query, titles, instead) {
  const box = h('div', {class: 'preview'}, loading());
  const run = async () => {
    try {
      const d = await verb('diff', folder, query);
      if (d.binary) return swap(box, instead ? instead() : h('p', {class: 'muted'}, t('no_diff')));
      if (d.same || !(d.lines || []).some(l => l.op !== ' ')) return swap(box, h('p', {}, t(d.truncated ? 'same_so_far' : 'same')));
      swap(box, lines(d, titles));
    } catch (e) {
      swap(box, failed(e, run));
    }
  };
  run();
  return box;
}

function lines(d, titles) {
  const added = d.lines.filter(l => l.op === '+').length, gone = d.lines.filter(l => l.op === '-').length;
  const body = h('tbody'), foot = h('div', {class: 'row'});
  let a = 0, b = 0, at = 0;
  const next = () => {
    const end = Math.min(at + linesShown, d.lines.length);
    const rows = [];
    for (; at < end; at++) {
      const l = d.lines[at];
      const jump = l.op === '+' ? l.b - b - 1 : l.a - a - 1;
      if (jump > 0) rows.push(h('tr', {class: 'jump'}, h('td', {colspan: 4}, t('alike', {n: jump}))));
      if (l.op !== '+') a = l.a;
      if (l.op !== '-') b = l.b;
      if (jump > 0 && l.op === '-') b = Math.max(b, b + jump);
      if (jump > 0 && l.op === '+') a = a + jump;
      const mark = {'+': '+', '-': '−', ' ': ''}[l.op];
      rows.push(h('tr', {class: {'+': 'add', '-': 'del', ' ': ''}[l.op] || null}, h('td', {class: 'line-no'}, l.op === '+' ? '' : count(l.a)), h('td', {class: 'line-no'}, l.op === '-' ? '' : count(l.b)),
        h('td', {class: 'op'}, mark && h('span', {'aria-hidden': 'true'}, mark), mark && h('span', {class: 'quiet'}, t(l.op === '+' ? 'line_added' : 'line_removed'))), h('td', {class: 'line'}, plain(l.text), l.cut && ' …')));
    }
    body.append(...rows);
    swap(foot, at < d.lines.length && button(t('more_lines', {n: d.lines.length - at}), next, {class: 'button slim'}));
  };
  next();
  return [h('p', {class: 'small'}, h('span', {class: 'tag tag-deleted'}, '− ', titles[0]), ' ', h('span', {class: 'tag tag-added'}, '+ ', titles[1]), ' ', h('span', {class: 'muted'}, t('diff_count', {added: count(added), gone: count(gone)}))),
    h('div', {class: 'scroll diff-box', tabindex: '0', role: 'group', 'aria-label': t('diff')}, h('table', {class: 'diff'}, h('caption', {class: 'quiet'}, t('diff')), h('thead', {class: 'quiet'}, h('tr', {}, h('th', {scope: 'col'}, t('line_old')), h('th', {scope: 'col'}, t('line_new')), h('th', {scope: 'col'}, t('col_action')), h('th', {scope: 'col'}, t('line_text')))), body)),
    foot, d.truncated && h('p', {class: 'muted small'}, t('diff_truncated'))];
}
