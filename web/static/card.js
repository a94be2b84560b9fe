// A folder as a card of the overview. It is made once, and told of changes.

import {h, text, attr, show, icon, button, setName, keyed, swap} from './dom.js';
import {t, size, percent, span, ago, moment, isTime} from './words.js';
import {label, level, stateWord, sentences, mode, peerState, transport, sorted, problems, conflicts, folderLink} from './states.js';
import {done} from './model.js';
import {act} from './ui.js';
import * as actions from './actions.js';

// bar is the progress of what a folder gets.
export function bar() {
  const fill = h('div', {class: 'bar-fill'});
  const track = h('div', {class: 'bar', role: 'progressbar', 'aria-valuemin': 0, 'aria-valuemax': 100}, fill);
  const left = h('span'), right = h('span');
  const el = h('div', {class: 'progress'}, track, h('p', {class: 'progress-text'}, left, right));
  return {el, update(f) {
    const share = done(f);
    const moving = f.want.entries > 0 || f.want.bytes > 0;
    show(el, moving || f.rate.in > 0 || f.rate.out > 0);
    show(track, share !== null);
    const whole = f.whole;
    if (share !== null) {
      attr(track, 'aria-valuenow', Math.floor(share * 100));
      attr(track, 'aria-label', t('bar_of', {name: label(f)}));
      fill.style.transform = `scaleX(${share.toFixed(4)})`;
    }
    text(left, moving ? (whole.bytes ? t('bar_bytes', {done: size(whole.bytes - f.want.bytes), all: size(whole.bytes), percent: percent(share ?? 0)}) : t('bar_entries', {done: whole.entries - f.want.entries, n: whole.entries, percent: percent(share ?? 0)})) : '');
    const rates = [f.rate.in > 0 && t('rate_in', {rate: size(f.rate.in, true)}), f.rate.out > 0 && t('rate_out', {rate: size(f.rate.out, true)}), moving && f.eta_s != null && t('eta', {span: span(f.eta_s)})];
    text(right, rates.filter(Boolean).join(' · '));
  }};
}

function peerRow(first) {
  const who = h('bdi', {class: 'name peer-name'}), how = h('span', {class: 'muted'}), what = h('span', {class: 'peer-what'}), wait = h('span', {class: 'peer-wait'});
  const dot = h('span', {class: 'dot'});
  const el = h('li', {class: 'peer'}, dot, h('span', {class: 'peer-who'}, who, ' ', how), what, wait);
  return {el, update(p) {
    setName(who, p.name || p.node?.slice(0, 8));
    attr(dot, 'class', 'dot ' + (p.connected ? (p.in_sync ? 'dot-good' : 'dot-busy') : 'dot-away'));
    text(how, transport(p));
    const queued = p.queued.entries || p.queued.bytes;
    text(what, peerState(p));
    text(wait, queued ? t('queued', {n: p.queued.entries, size: size(p.queued.bytes)}) : '');
    show(wait, queued);
  }};
}

// peers is the list of a folder's peers, with at most so many of them.
export function peers(limit) {
  const list = h('ul', {class: 'peers'});
  const more = h('p', {class: 'muted small'});
  const el = h('div', {}, list, more);
  return {el, update(f) {
    const all = sorted(f.peers);
    keyed(list, all.slice(0, limit), p => p.node || p.name, peerRow);
    show(list, all.length > 0);
    show(el, all.length > 0);
    show(more, all.length > limit);
    text(more, t('more_peers', {n: all.length - limit}));
  }};
}

// did says what a run did, '' if that was nothing.
function did(x) {
  const parts = [];
  for (const k of ['added', 'modified', 'deleted']) {
    const dirs = x['dirs_' + k] || 0, files = x[k] - dirs;
    const what = [files > 0 && t('n_files', {n: files}), dirs > 0 && t('n_dirs', {n: dirs})].filter(Boolean).join(', ');
    if (what) parts.push(t('did_' + k, {what}));
  }
  if (x.bytes) parts.push(t('did_bytes', {size: size(x.bytes)}));
  if (x.sent) parts.push(t('did_sent', {size: size(x.sent)}));
  return parts.join(' · ');
}

// lastRun says what the last run did, '' if none is known.
export function lastRun(f, bare) {
  const l = f.last;
  if (!l || !isTime(l.ended)) return '';
  return t(bare ? 'last_run_bare' : 'last_run', {ago: ago(l.ended), span: span((new Date(l.ended) - new Date(l.began)) / 1000), what: did(l.totals) || t('did_nothing')});
}

// thisRun says what this run did so far.
export function thisRun(f, bare) {
  const what = did(f.totals) || t('did_nothing_yet');
  return t(bare ? 'this_run_bare' : 'this_run', {ago: isTime(f.began) ? ago(f.began) : '–', what});
}

export function card(first) {
  const path = first.path;
  const mark = h('span', {class: 'state'});
  const title = setName(h('bdi', {class: 'name'}), label(first));
  const where = setName(h('bdi', {class: 'path'}), path);
  const modeEl = h('span', {class: 'chip'}), profile = h('span', {class: 'chip'});
  const line = h('p', {class: 'sentence'}), theirs = h('p', {class: 'theirs', lang: 'en'});
  const progress = bar(), who = peers(4);
  const current = setName(h('bdi', {class: 'path'}), '');
  const moving = h('p', {class: 'muted small one-line'}, current);
  const runs = ['p', 'p', 'p'].map(tag => h(tag, {class: 'muted small'})), holds = h('p', {class: 'muted small'});
  const badges = h('ul', {class: 'badges'});
  const held = h('div', {class: 'held-box'}, h('p', {}), h('a', {class: 'button main', href: folderLink(first, 'brake')}, t('look_decide')));
  const pause = button(t('pause'), act(() => actions.pause(now)));
  const sync = button(t('sync_now'), act(() => actions.sync(now), () => t('sync_asked')));
  let now = first, was = '';
  const el = h('article', {class: 'card', 'aria-label': label(first)},
    h('div', {class: 'card-head'}, h('h2', {}, h('a', {href: folderLink(first)}, title)), mark),
    h('p', {class: 'card-path'}, where), h('p', {class: 'chips'}, modeEl, profile),
    line, theirs, held, progress.el, moving, badges, who.el, h('div', {class: 'grow'}), holds, runs,
    h('div', {class: 'card-foot'}, sync, pause,
      h('span', {class: 'card-links'}, ['versions', 'history', 'settings'].map(k => h('a', {href: folderLink(first, k)}, t('tab_' + k))))));
  let drawn = 0;
  return {el, update(f) {
    if (f === now && Date.now() - drawn < 20000) return; // only how long ago things were would be other
    now = f;
    drawn = Date.now();
    const lv = level(f), key = lv + stateWord(f);
    if (key !== was) {
      was = key;
      attr(el, 'data-level', lv);
      swap(mark, icon(lv), stateWord(f));
      attr(mark, 'class', 'state state-' + lv);
    }
    setName(title, label(f));
    attr(el, 'aria-label', label(f));
    text(modeEl, mode(f));
    text(profile, f.profile || '');
    show(profile, Boolean(f.profile));
    const s = sentences(f);
    text(line, s.ours);
    text(theirs, s.theirs);
    show(theirs, Boolean(s.theirs) && !f.held);
    show(held, Boolean(f.held));
    if (f.held) text(held.firstElementChild, t('held_short', {n: f.held.entries, size: size(f.held.bytes || 0)}));
    progress.update(f);
    setName(current, f.current || '', f.raw_current);
    show(moving, Boolean(f.current));
    const marks = [];
    if (conflicts(f)) marks.push({key: 'c', href: folderLink(f, 'conflicts'), text: t('n_conflicts', {n: conflicts(f)})});
    if (problems(f)) marks.push({key: 'p', href: folderLink(f), text: t('n_problems', {n: problems(f)})});
    keyed(badges, marks, m => m.key, m => {
      const a = h('a', {href: m.href, class: 'badge'});
      return {el: h('li', {}, a), update: m => text(a, m.text)};
    });
    show(badges, marks.length > 0);
    who.update(f);
    text(holds, t('holds', {files: t('n_files', {n: f.entries.files}), dirs: t('n_dirs', {n: f.entries.dirs}), size: size(f.entries.bytes)}));
    [did(f.totals) || !f.last ? thisRun(f) : '', lastRun(f), isTime(f.next_scan) ? t('next_run', {time: moment(f.next_scan)}) : ''].forEach((line, i) => {
      text(runs[i], line);
      show(runs[i], Boolean(line));
    });
    const paused = f.state === 'paused';
    text(pause, t(paused ? 'resume' : 'pause'));
    attr(sync, 'aria-disabled', paused ? 'true' : null);
  }};
}
