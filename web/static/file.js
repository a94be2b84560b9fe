// One file: its versions, what they hold, how two of them differ.

import {h, swap, text, show, button, within, attr} from './dom.js';
import {t, size, moment, ago, isTime} from './words.js';
import {verb} from './api.js';
import {preview, compare, pictures} from './preview.js';
import {dialog, choice, field, act, loading} from './ui.js';
import {restore} from './restore.js';

// open shows the file of a directory's entry.
export async function open(f, entry, path, at, done) {
  const states = [];
  if (entry.here !== false && !entry.deleted) states.push({key: 'now', title: t('state_now'), about: [size(entry.size)].join(), query: {path}});
  if (at) states.unshift({key: 'at', title: t('state_at', {time: moment(at)}), about: '', query: {path, at}, at});
  const versions = [];
  if (entry.versions) {
    let after;
    for (let i = 0; i < 20; i++) {
      const a = await verb('versions', f.path, after ? {path, after} : {path});
      versions.push(...(a.versions || []));
      if (!a.more) break;
      after = a.next;
    }
  }
  for (const v of versions.slice(0, 500)) {
    states.push({key: 'v' + v.number, number: v.number, replaced: v.replaced, title: t('state_version', {n: v.number}), about: [t('replaced', {ago: ago(v.replaced)}), v.by && t('replaced_by', {name: v.by === 'here' ? t('here') : within(v.by)}), size(v.size)].filter(Boolean).join(' · '), query: {path, version: v.number, replaced: v.replaced}});
  }
  if (!states.length) states.push({key: 'last', title: t('state_now'), about: '', query: {path}});
  const urls = pictures();
  const options = states.map(s => [s.key, s.about ? `${s.title} (${s.about})` : s.title]);
  const older = states.find(s => s.number) || states[0];
  const a = choice(options, at ? 'at' : older.key);
  const b = choice([['', t('compare_none')], ...options], '');
  const shown = h('div');
  const state = key => states.find(s => s.key === key);
  const back = button(t('restore_this'), act(async () => {
    const s = state(a.value);
    d.close(null);
    await restore(f, [{path, number: s.number, replaced: s.replaced, label: entry.name}], s.at || '', done);
  }));
  const draw = () => {
    const x = state(a.value), y = state(b.value);
    attr(back, 'aria-disabled', x.key === 'now' ? 'true' : null);
    urls.drop();
    if (!y || y === x) swap(shown, preview(f.path, x.query, x.title, urls));
    else swap(shown, compare(f.path, {path, a: x.query, b: y.query}, [x.title, y.title], () => h('div', {class: 'two'}, [x, y].map(s => h('div', {}, h('h3', {}, s.title), preview(f.path, s.query, s.title, urls))))));
  };
  a.addEventListener('change', draw);
  b.addEventListener('change', draw);
  const d = dialog({title: within(entry.name, entry.raw_name), wide: true, body: [h('div', {class: 'filters'}, field(t('look_at'), a), states.length > 1 && field(t('compare_with'), b), back), shown], actions: []});
  draw();
  await d;
  urls.drop();
  return false;
}

