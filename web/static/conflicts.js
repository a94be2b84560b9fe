// Conflicts: both sides side by side, and what is to remain. Nothing is chosen
// beforehand.

import {h, swap, text, button, keyed, name, bytes64, icon, within} from './dom.js';
import {model, watch} from './model.js';
import {conflicts} from './states.js';
import {t, has, size, moment, ago, isTime} from './words.js';
import {verb} from './api.js';
import {preview, compare, pictures} from './preview.js';
import {act, empty, loading, failed, note} from './ui.js';

const most = 100;

export function mount(root, f) {
  const urls = pictures();
  const list = h('div', {class: 'stack'}), more = h('p', {class: 'muted'});
  const open = new Set(); // also of those that are drawn anew, for a side has changed
  let gone = false, asked = 0, drawn = '', first = true;
  const unkept = () => Boolean(model.folders.get(f.path)?.unkept);
  const told = m => {
    const now = m.folders.get(f.path);
    return now ? [conflicts(now), unkept(), ...now.conflicts].join('\n') : drawn;
  };
  // What stays in the list keeps its element: somebody may be reading or using it.
  const draw = async begin => {
    const mine = ++asked;
    first ||= begin; // one is open, unless a person closed it
    drawn = told(model);
    try {
      const all = (await verb('conflicts', f.path, {})) || [];
      if (gone || mine !== asked) return;
      keyed(list, all.slice(0, most), c => [c.path, c.copy, c.raw_copy, c.this.digest, c.this.mtime, c.other.digest, unkept()].join('\n'), one);
      if (!all.length) return swap(root, empty(t('no_conflicts'), t('no_conflicts_text')));
      text(more, all.length > most ? t('and_more', {n: all.length - most}) : '');
      if (list.parentNode !== root) swap(root, h('p', {class: 'lead'}, t('conflicts_lead')), list, more);
      if (first && !list.querySelector('details[open]')) list.firstElementChild.open = true;
      first = false;
    } catch (e) {
      if (!gone && mine === asked) swap(root, failed(e, () => draw(true)));
    }
  };
  swap(root, loading());
  draw(true);
  const stop = watch(m => { if (told(m) !== drawn) draw(false); });

  function one(c) {
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
        await draw(true); // it may have been resolved elsewhere, or be another one by now
        throw e;
      }
      note(t('resolved_' + what, {name: within(c.path, c.raw_path)}));
      await draw(true);
      root.closest('main')?.querySelector('h1')?.focus();
    });
    const details = h('details', {class: 'panel conflict', ontoggle(e) {
      if (e.target !== details) return;
      if (details.open) { open.add(c.copy); fill(); } else open.delete(c.copy);
    }}, h('summary', {}, h('h2', {}, name(c.path, c.raw_path)), ' ', h('span', {class: 'muted small'}, t('conflict_of', {a: within(c.this.peer || '?'), b: within(c.other.peer || '?')}))), body,
    h('div', {class: 'ways three', role: 'group', 'aria-label': t('what_remains')},
      unkept() ? h('p', {}, t('keep_unkept')) : ['this', 'other'].map(x => way('keep_' + x, `keep_${x}_text`, keep(x))), way('keep_both', 'keep_both_text', keep('both'))));
    details.open = open.has(c.copy);
    return {el: details, update() {}};
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
  return () => { gone = true; stop(); urls.drop(); };
}
