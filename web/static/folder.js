// One folder: its parts, and the first of them, how it is.

import {h, text, show, attr, swap, button, icon, setName, keyed, within, name, reveal} from './dom.js';
import {t, moment, ago, isTime, size, has} from './words.js';
import {model, watch, load} from './model.js';
import {verb} from './api.js';
import {label, level, stateWord, sentences, mode, peerState, transport, sorted, problems, conflicts, folderLink, runLinks} from './states.js';
import {bar, lastRun, thisRun} from './card.js';
import {happened} from './overview.js';
import {act, empty, dialog, note} from './ui.js';
import * as actions from './actions.js';

const tabs = {
  '': {key: 'tab_state', load: async () => ({mount: state})},
  versions: {key: 'tab_versions', load: () => import('./versions.js')},
  history: {key: 'tab_history', load: () => import('./history.js')},
  conflicts: {key: 'tab_conflicts', load: () => import('./conflicts.js')},
  brake: {key: 'tab_brake', load: () => import('./brake.js')},
  settings: {key: 'tab_settings', load: () => import('./settings.js')},
};

export async function mount(root, [path, tab = ''], query) {
  if (!model.loaded) await load();
  if (!model.folders.has(path)) {
    swap(root, h('h1', {tabindex: '-1'}, t('folder_gone')), empty(t('folder_gone'), t('folder_gone_text'), h('a', {class: 'button', href: '#/'}, t('folders'))));
    const back = watch(m => { // of a node that starts the folders come one by one
      if (!m.folders.has(path)) return;
      back();
      dispatchEvent(new HashChangeEvent('hashchange'));
    });
    return back;
  }
  if (!(tab in tabs)) tab = '';
  const f = model.folders.get(path);
  const mark = h('span', {class: 'state'}), title = setName(h('bdi', {class: 'name'}), label(f));
  const links = Object.entries(tabs).map(([k, x]) => {
    const a = h('a', {href: folderLink(f, k), 'aria-current': k === tab ? 'page' : null}, t(x.key));
    a.count = h('span', {class: 'tab-count'});
    a.append(a.count);
    a.key = k;
    return a;
  });
  const body = h('div', {class: 'stack'}), row = h('nav', {class: 'tabs', 'aria-label': t('nav_folder')}, links);
  swap(root, h('div', {class: 'page-head'},
    h('p', {class: 'crumb'}, h('a', {href: '#/'}, t('folders'))),
    h('div', {class: 'row'}, h('h1', {tabindex: '-1'}, title, tab && h('span', {class: 'quiet'}, ' – ' + t(tabs[tab].key))), mark),
    h('p', {class: 'muted'}, setName(h('bdi', {class: 'path'}), f.path)),
    row), body);
  const draw = m => {
    const now = m.folders.get(path);
    if (!now) return;
    swapState(mark, now);
    setName(title, label(now));
    for (const a of links) {
      if (a.key === 'brake') show(a, Boolean(now.held) || tab === 'brake');
      const n = a.key === 'conflicts' ? conflicts(now) : a.key === '' ? problems(now) : 0;
      text(a.count, n || '');
    }
  };
  draw(model);
  const sized = new ResizeObserver(() => reveal(row)); // there may be no room for all of them, or not any more
  for (const el of [row, ...links]) sized.observe(el);
  const view = await tabs[tab].load();
  const end = await view.mount(body, f, query);
  const stop = watch(draw);
  return () => { stop(); sized.disconnect(); end?.(); };
}

function swapState(mark, f) {
  const key = level(f) + stateWord(f);
  if (mark.key === key) return;
  mark.key = key;
  swap(mark, icon(level(f)), stateWord(f));
  attr(mark, 'class', 'state state-' + level(f));
}

function state(root, first) {
  let now = first;
  const line = h('p', {class: 'sentence big'}), theirs = h('p', {class: 'theirs', lang: 'en'}), differs = h('p', {class: 'theirs', lang: 'en'});
  const progress = bar();
  const current = setName(h('bdi', {class: 'path'}), '');
  const pause = button('', act(() => actions.pause(now)));
  const sync = button(t('sync_now'), act(() => actions.sync(now), () => t('sync_asked')));
  const own = button('', act(() => takeBack(now)));
  const decide = h('a', {class: 'button main', href: folderLink(first, 'brake')}, t('look_decide'));
  const invite = button(t('invite'), act(async () => (await import('./share.js')).invite(now)));
  const rows = h('tbody'), dial = h('ul', {class: 'plain-list'}), trouble = h('ul', {class: 'plain-list'});
  const tableBox = h('div', {class: 'scroll', tabindex: '0', role: 'group', 'aria-label': t('peers')}, h('table', {}, h('caption', {class: 'quiet'}, t('peers')), h('thead', {}, h('tr', {}, ['peer', 'how', 'state', 'queue', 'seen'].map(k => h('th', {scope: 'col'}, t('col_' + k))))), rows));
  const noPeers = h('p', {class: 'muted'}, t('s_alone'));
  const dialBox = h('details', {class: 'fold'}, h('summary', {}, t('dialers')), dial);
  const troubleBox = h('section', {class: 'panel'}, h('h2', {}, t('problems')), trouble, h('p', {class: 'muted small'}));
  const facts = h('dl', {class: 'facts'});
  const events = happened(first.path);
  swap(root,
    h('section', {class: 'panel', 'aria-label': t('tab_state')}, line, theirs, differs, progress.el, h('p', {class: 'muted small one-line'}, current), h('div', {class: 'row'}, decide, sync, pause, own, invite, h('span', {class: 'grow'}), button(t('forget'), act(() => actions.forget(now)), {class: 'button danger'}))),
    troubleBox,
    h('div', {class: 'two'}, h('section', {class: 'panel'}, h('h2', {}, t('peers')), noPeers, tableBox, dialBox), h('section', {class: 'panel'}, h('h2', {}, t('about')), facts)),
    events.el);
  const draw = m => {
    const f = m.folders.get(first.path);
    if (!f) {
      if (m.loaded) location.hash = '#/';
      return;
    }
    now = f;
    const s = sentences(f);
    text(line, s.ours);
    text(theirs, s.theirs);
    show(theirs, Boolean(s.theirs));
    text(differs, f.differs || '');
    show(differs, Boolean(f.differs));
    progress.update(f);
    setName(current, f.current || '', f.raw_current);
    show(current.parentElement, Boolean(f.current));
    show(decide, Boolean(f.held));
    text(pause, t(f.state === 'paused' ? 'resume' : 'pause'));
    attr(sync, 'aria-disabled', f.state === 'paused' ? 'true' : null);
    const mine = f.own.added + f.own.modified + f.own.deleted;
    show(own, mine > 0 || f.differing > 0);
    text(own, t(mine > 0 ? 'revert' : 'override'));
    show(tableBox, f.peers.length > 0);
    show(noPeers, !f.peers.length);
    keyed(rows, sorted(f.peers), p => p.node || p.name, peerRow);
    show(dialBox, f.dialers.length > 0);
    keyed(dial, f.dialers, d => d.address, dialRow);
    show(troubleBox, problems(f) > 0);
    keyed(trouble, f.problems, p => p.raw_path || p.path, p => {
      const what = h('span', {class: 'muted', lang: 'en'});
      return {el: h('li', {}, setName(h('bdi', {class: 'path'}), p.path, p.raw_path), ' ', what), update: p => text(what, p.problem)};
    });
    text(troubleBox.lastChild, problems(f) > f.problems.length ? t('and_more', {n: problems(f) - f.problems.length}) : '');
    keyed(facts, factsOf(f), x => x[0] + (x[1].href || ''), x => {
      const dd = h('dd');
      return {el: h('div', {}, h('dt', {}, x[0]), dd), update: x => { if (x[1] instanceof Node) { if (!dd.firstChild) dd.append(x[1]); } else text(dd, x[1]); }};
    });
    events.update(m);
  };
  draw(model);
  return watch(draw);
}

function factsOf(f) {
  const out = [[t('f_mode'), mode(f)]];
  if (f.profile) out.push([t('f_profile'), within(f.profile)]);
  out.push([t('f_holds'), t('holds', {files: t('n_files', {n: f.entries.files}), dirs: t('n_dirs', {n: f.entries.dirs}), size: size(f.entries.bytes)})]);
  const run = runLinks(f);
  out.push([t('f_this'), thisRun(f, true)]);
  if (run.now) out.push([t('f_so_far'), h('a', {href: run.now}, t('this_log'))]);
  if (run.last) out.push([t('f_last'), lastRun(f, true)], [t('f_log'), h('a', {href: run.last}, t('last_log'))]);
  if (isTime(f.next_scan)) out.push([t('f_next'), moment(f.next_scan)]);
  if (f.note) out.push([t('f_note'), f.note]);
  return out;
}

function peerRow() {
  const who = h('bdi', {class: 'name strong'}), where = h('span', {class: 'muted small'});
  const cells = ['how', 'state', 'queue', 'seen'].map(() => h('td'));
  const el = h('tr', {}, h('th', {scope: 'row'}, who, h('br'), where), cells);
  return {el, update(p) {
    setName(who, p.name || p.node);
    text(where, p.connected ? p.address : '');
    text(cells[0], transport(p) || '–');
    text(cells[1], peerState(p));
    text(cells[2], p.queued.entries || p.queued.bytes ? t('queued', {n: p.queued.entries, size: size(p.queued.bytes)}) : '–');
    text(cells[3], p.connected ? t('now') : isTime(p.last_seen) ? ago(p.last_seen) : '–');
  }};
}

function dialRow() {
  const where = h('bdi', {class: 'path'}), what = h('span', {class: 'muted small'}), result = h('span', {class: 'muted small', lang: 'en'});
  return {el: h('li', {}, where, ' ', what, ' ', result), update(d) {
    setName(where, d.address);
    text(what, [has('src_' + d.source) ? t('src_' + d.source) : d.source, has('dial_' + d.state) ? t('dial_' + d.state) : d.state].join(' · '));
    text(result, d.result || '');
  }};
}

// takeBack shows what would be taken back on this side, or on the others, and
// does it when a person says so.
async function takeBack(f) {
  const mine = f.own.added + f.own.modified + f.own.deleted > 0;
  const what = mine ? 'revert' : 'override';
  const list = (await verb(what, f.path, {dry: true})) || [];
  const shown = list.slice(0, 200).map(c => h('li', {}, h('span', {class: 'tag'}, has('act_' + c.change) ? t('act_' + c.change) : c.change), ' ', name(c.path, c.raw_path), c.problem && h('span', {class: 'problem'}, ' ' + c.problem)));
  const lost = mine ? list.filter(c => c.unkept && !c.problem).length : 0; // of the others' each keeps its own versions
  const yes = await dialog({title: t(what + '_title', {n: list.length}), body: [h('p', {}, t(lost ? what + '_bare' : what + '_text')), lost > 0 && h('p', {class: 'problem'}, t('takes_for_good', {n: lost})), h('ul', {class: 'plain-list long', tabindex: '0'}, shown), list.length > 200 && h('p', {}, t('and_more', {n: list.length - 200}))], actions: [
    {label: t('cancel'), value: null}, {label: t(what), value: true, danger: true},
  ]});
  if (!yes) return;
  const done = (await verb(what, f.path, {dry: false})) || [];
  const stays = done.filter(c => c.problem);
  note(t('taken_back', {n: done.length - stays.length}) + (stays.length ? ' ' + t('restore_failed', {n: stays.length}) + ' ' + stays[0].problem : ''), stays.length > 0);
}
