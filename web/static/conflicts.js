// Conflicts: both sides side by side, and what is to remain. Nothing is chosen
// beforehand.

import {h, swap, button, name, bytes64, icon, within} from './dom.js';
import {t, has, size, moment, ago, isTime} from './words.js';
import {verb} from './api.js';
import {preview, compare, pictures} from './preview.js';
import {act, empty, loading, failed, note} from './ui.js';

export function mount(root, f) {
  const urls = pictures();
  const open = new Set();
  let gone = false;
  const draw = async () => {
    try {
      const all = (await verb('conflicts', f.path, {})) || [];
      if (gone) return;
      urls.drop();
      if (!all.length) return swap(root, empty(t('no_conflicts'), t('no_conflicts_text')));
      swap(root, h('p', {class: 'lead'}, t('conflicts_lead')), all.slice(0, 100).map((c, i) => one(c, i === 0)), all.length > 100 && h('p', {class: 'muted'}, t('and_more', {n: all.length - 100})));
    } catch (e) {
      swap(root, failed(e, draw));
    }
  };
  swap(root, loading());
  draw();

  function one(c, alone) {
    const body = h('div', {class: 'stack'});
    let filled = false;
    const fill = () => {
      if (filled) return;
      filled = true;
      swap(body, sides(c));
    };
    const keep = (what, words) => act(async () => {
      try {
        await verb('resolve', f.path, {path: bytes64(c.copy, c.raw_copy), how: {keep: what, this: c.this.digest || '', other: c.other.digest || ''}});
      } catch (e) {
        await draw(); // it may have been resolved elsewhere, or be another one by now
        throw e;
      }
      note(t('resolved_' + what, {name: within(c.path, c.raw_path)}));
      await draw();
      root.closest('main')?.querySelector('h1')?.focus();
    });
    const details = h('details', {class: 'panel conflict', ontoggle(e) {
      if (e.target !== details || !details.open) return;
      open.add(c.copy);
      fill();
    }}, h('summary', {}, h('h2', {}, name(c.path, c.raw_path)), ' ', h('span', {class: 'muted small'}, t('conflict_of', {a: within(c.this.peer || '?'), b: within(c.other.peer || '?')}))), body,
    h('div', {class: 'ways three', role: 'group', 'aria-label': t('what_remains')},
      way('keep_this', 'keep_this_text', keep('this')), way('keep_other', 'keep_other_text', keep('other')), way('keep_both', 'keep_both_text', keep('both'))));
    if (alone || open.has(c.copy)) { details.open = true; fill(); }
    return details;
  }

  function way(label, words, run) {
    return h('div', {class: 'way'}, button(t(label), run), h('p', {class: 'small muted'}, t(words)));
  }

  function sides(c) {
    const here = bytes64(c.path, c.raw_path), copy = bytes64(c.copy, c.raw_copy);
    const facts = (title, path, raw, s) => h('div', {class: 'side'}, h('h3', {}, title), h('p', {class: 'small'}, name(path, raw)),
      s.kind === 'absent' ? h('p', {class: 'muted'}, t('side_absent')) : h('dl', {class: 'facts'},
        h('div', {}, h('dt', {}, t('col_kind')), h('dd', {}, has('kind_' + s.kind) ? t('kind_' + s.kind) : s.kind)),
        s.kind === 'file' && h('div', {}, h('dt', {}, t('col_size')), h('dd', {}, size(s.size))),
        isTime(s.mtime) && h('div', {}, h('dt', {}, t('col_mtime')), h('dd', {}, `${moment(s.mtime)} (${ago(s.mtime)})`)),
        h('div', {}, h('dt', {}, t('col_by')), h('dd', {}, name(s.peer || '–')))));
    const both = c.this.kind === 'file' && c.other.kind === 'file';
    const shown = () => h('div', {class: 'two'}, c.this.kind !== 'absent' && preview(f.path, {path: here}, t('side_this'), urls), preview(f.path, {path: copy}, t('side_other'), urls));
    return [h('div', {class: 'two'}, facts(t('side_this'), c.path, c.raw_path, c.this), facts(t('side_other'), c.copy, c.raw_copy, c.other)),
      both ? compare(f.path, {path: here, a: {path: here}, b: {path: copy}}, [t('side_this'), t('side_other')], shown) : shown()];
  }
  return () => { gone = true; urls.drop(); };
}
