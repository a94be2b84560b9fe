// Bringing back: first what it would do, then, when a person says so, doing it.

import {h, text, name} from './dom.js';
import {t, has, count, moment} from './words.js';
import {verb} from './api.js';
import {dialog, note, sentence} from './ui.js';

const kinds = ['add', 'replace', 'same', 'newer', 'failed'];
const listed = 200;

// walk asks part by part, and tells of each item.
async function walk(f, item, at, dry, take) {
  let q = {path: item.path, dry};
  if (item.number) Object.assign(q, {number: item.number, replaced: item.replaced}); // newer ones shift the numbers
  else if (at) q.at = at;
  for (;;) {
    const a = await verb('restore', f.path, q);
    for (const i of a.items || []) take(i);
    q = {...a.query, after: a.next || ''};
    if (!a.more) {
      if (q.settle || dry) return;
      q = {...q, after: '', settle: true}; // the times of directories, when all is in them
    }
  }
}

// restore asks and brings back items {path, number, replaced, label}, as of a time or
// what was there last.
export async function restore(f, items, at, done) {
  const counts = Object.fromEntries(kinds.map(k => [k, 0])), first = [];
  for (const i of items) {
    await walk(f, i, at, true, x => {
      counts[x.action] = (counts[x.action] || 0) + 1;
      if (first.length < listed && x.action !== 'same') first.push(x);
    });
  }
  const todo = (counts.add || 0) + (counts.replace || 0);
  if (!todo) { // nor is all as it was where some of it cannot come back
    if (counts.failed) note(t('restore_failed', {n: counts.failed}) + ' ' + (first.find(x => x.action === 'failed')?.problem || ''), true);
    else note(counts.newer ? t('restore_newer', {n: counts.newer}) : t('restore_nothing'), counts.newer > 0);
    return;
  }
  const line = h('p', {class: 'strong', role: 'status'});
  const summary = kinds.filter(k => counts[k]).map(k => t('r_' + k, {n: counts[k]})).join(' · ');
  const ok = await dialog({title: t('restore_title', {n: todo}), body: [
    h('p', {}, at ? t('restore_at', {time: moment(at)}) : items[0].number ? t('restore_version', {time: moment(items[0].replaced)}) : t('restore_last')), h('p', {class: 'strong'}, summary), h('p', {class: 'muted'}, [counts.replace > 0 && t('restore_kept'), t('restore_edit')].filter(Boolean).join(' ')),
    h('ul', {class: 'plain-list long', tabindex: '0'}, first.map(x => h('li', {}, h('span', {class: 'tag tag-' + ({add: 'added', replace: 'modified', failed: 'deleted'}[x.action] || '')}, has('ra_' + x.action) ? t('ra_' + x.action) : x.action), ' ', name(x.path, x.raw_path), x.problem && h('span', {class: 'problem', lang: 'en'}, ' ' + x.problem)))),
    todo > first.length && h('p', {class: 'muted'}, t('and_more', {n: todo - first.length})), line,
  ], actions: [{label: t('cancel'), value: null}, {label: t('restore'), main: true, async run() {
    const out = {back: 0, failed: []};
    for (const i of items) {
      await walk(f, i, at, false, x => {
        if (x.action === 'add' || x.action === 'replace') out.back++;
        if (x.action === 'failed') out.failed.push(x);
        text(line, t('restoring', {n: out.back}));
      });
    }
    return out;
  }}]});
  if (!ok) return;
  note(t('restored', {n: ok.back}) + (ok.failed.length ? ' ' + t('restore_failed', {n: ok.failed.length}) + ' ' + (ok.failed[0].problem || '') : ''), ok.failed.length > 0);
  await done?.();
}
