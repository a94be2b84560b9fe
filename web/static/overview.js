// The overview: what needs a person, and a card for each folder.

import {h, text, show, keyed, button, icon, setName, within, swap} from './dom.js';
import {t, size, clock, has} from './words.js';
import {watch, model} from './model.js';
import {card} from './card.js';
import {label, level, conflicts, problems, folderLink} from './states.js';
import {act, say, empty, loading} from './ui.js';
import * as actions from './actions.js';

const searchFrom = 9; // folders

export function mount(root) {
  const sum = h('p', {class: 'lead'});
  const grid = h('div', {class: 'grid'});
  const needs = h('ul', {class: 'needs-list'});
  const needsBox = h('section', {class: 'box box-warn needs', 'aria-labelledby': 'needs-title'}, h('h2', {id: 'needs-title'}, t('needs_you')), needs);
  const find = h('input', {type: 'search', id: 'find', oninput: () => draw(model), autocomplete: 'off'});
  const findBox = h('div', {class: 'field find'}, h('label', {for: 'find'}, t('find_folder')), find);
  const none = h('div'), busy = loading();
  const all = button(t('pause_all'), act(() => {
    const paused = [...model.folders.values()].every(f => f.state === 'paused');
    return paused ? actions.resumeAll() : actions.pauseAll();
  }));
  const syncAll = button(t('sync_all'), act(() => actions.sync(null), () => t('sync_asked')));
  const events = happened();
  const open = which => async () => (await import('./share.js'))[which]();
  swap(root,
    h('div', {class: 'page-head'}, h('h1', {tabindex: '-1'}, t('folders')), sum,
      h('div', {class: 'row'}, button([icon('plus'), t('share_folder')], open('share'), {class: 'button main'}), button([icon('join'), t('join_folder')], open('join')), h('span', {class: 'grow'}), syncAll, all)),
    needsBox, findBox, busy, none, grid, events.el);
  let was = '';
  function draw(m) {
    const list = [...m.folders.values()];
    const asked = find.value.trim().toLowerCase();
    show(busy, !m.loaded);
    show(findBox, list.length >= searchFrom);
    const shown = asked ? list.filter(f => (label(f) + ' ' + f.path).toLowerCase().includes(asked)) : list;
    keyed(grid, shown, f => f.path, card);
    show(all, list.length > 1);
    show(syncAll, list.length > 1);
    text(all, t(list.length && list.every(f => f.state === 'paused') ? 'resume_all' : 'pause_all'));
    const good = list.filter(f => level(f) === 'good').length;
    const words = list.length ? t(good === list.length ? 'all_good' : 'some_good', {n: list.length, good}) : '';
    const rate = list.reduce((r, f) => ({in: r.in + f.rate.in, out: r.out + f.rate.out}), {in: 0, out: 0});
    text(sum, [words, rate.in > 0 && t('rate_in', {rate: size(rate.in, true)}), rate.out > 0 && t('rate_out', {rate: size(rate.out, true)})].filter(Boolean).join(' · '));
    if (words !== was && was) say(words);
    was = words;
    attention(list);
    none.hidden = !m.loaded || list.length > 0;
    if (!none.hidden && !none.firstChild) none.append(empty(t('no_folders'), t('no_folders_text')));
    events.update(m);
  }
  function attention(list) {
    const items = [];
    for (const f of list) {
      const who = within(label(f));
      if (f.held && !f.held.answer) items.push({key: 'h' + f.path, href: folderLink(f, 'brake'), text: t('need_brake', {name: who, n: f.held.entries})});
      else if (f.state === 'stopped') items.push({key: 'b' + f.path, href: folderLink(f), text: t('need_bad', {name: who})});
      if (conflicts(f)) items.push({key: 'c' + f.path, href: folderLink(f, 'conflicts'), text: t('need_conflicts', {name: who, n: conflicts(f)})});
      if (problems(f)) items.push({key: 'p' + f.path, href: folderLink(f), text: t('need_problems', {name: who, n: problems(f)})});
    }
    show(needsBox, items.length > 0);
    keyed(needs, items.slice(0, 12), i => i.key, i => {
      const a = h('a', {href: i.href});
      return {el: h('li', {}, a), update: i => text(a, i.text)};
    });
  }
  draw(model);
  return watch(draw);
}

// happened is the list of what happened since the page was opened.
export function happened(path) {
  const list = h('ol', {class: 'events'});
  const more = h('p', {class: 'muted small'});
  const el = h('section', {class: 'happened', 'aria-labelledby': 'happened-title'}, h('h2', {id: 'happened-title'}, t('happened')), list, more);
  return {el, update(m) {
    const mine = (path ? m.happened.filter(e => e.folder === path) : m.happened).slice(0, 30);
    show(el, mine.length > 0);
    show(more, m.more > 0 && !path);
    text(more, t('happened_more', {n: m.more}));
    keyed(list, mine, e => e.key, e => ({el: eventLine(e, !path), update() {}}));
  }};
}

function eventLine(e, withFolder) {
  const f = model.folders.get(e.folder);
  const what = has('ev_' + e.event) ? t('ev_' + e.event) : e.event;
  return h('li', {class: 'event'}, h('time', {datetime: e.time, class: 'muted'}, clock(e.time)),
    h('span', {}, withFolder && e.folder && [setName(h('bdi', {class: 'name strong'}), f ? label(f) : e.folder), ' · '], what,
      e.peer && [' · ', setName(h('bdi', {class: 'name'}), e.peer)], e.path && [' · ', setName(h('bdi', {class: 'path'}), e.path, e.raw_path)],
      e.text && [' · ', setName(h('bdi', {class: 'muted', lang: 'en'}), e.text.split(/\. (?='qsync )/)[0])])); // the commands are for the shell
}
