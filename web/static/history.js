// The log of changes of one folder, with filters, and charts of the days.

import {h, swap, show, button, name, withIcon, clean} from './dom.js';
import {t, has, size, second, clock, day} from './words.js';
import {verb} from './api.js';
import {field, choice, act, empty, loading, failed, sentence, say} from './ui.js';
import {charts, narrow} from './charts.js';
import {runLinks} from './states.js';

const pageSize = 200;
const actionsKnown = ['added', 'modified', 'metadata', 'deleted', 'renamed', 'conflict copy', 'restored'];

// localDay is a day of the calendar here as a span of time.
function spanOf(day) {
  if (!day) return {};
  const [y, m, d] = day.split('-').map(Number);
  return {since: new Date(y, m - 1, d).toISOString(), until: new Date(y, m - 1, d + 1).toISOString()};
}

export function mount(root, f, query) {
  const given = {since: query.get('since'), until: query.get('until')};
  const path = h('input', {autocomplete: 'off', spellcheck: 'false', class: 'mono-input', value: query.get('path') || ''});
  const peer = choice([['', t('everybody')], ['here', t('here')]], ''), kind = choice([['', t('any_kind')], ['file', t('kind_file')], ['dir', t('kind_dir')], ['symlink', t('kind_symlink')]], query.get('kind') || '');
  const action = choice([['', t('any_action')], ...actionsKnown.map(a => [a, t('act_' + a)])], query.get('action') || '');
  // offer has the peers to choose from be those too that are here no more, as far as
  // they are met in the log or asked for.
  const offer = names => {
    for (const n of names) if (n && ![...peer.options].some(o => o.value === n)) peer.append(h('option', {value: n}, clean(n)));
  };
  offer([...f.peers.map(p => p.name), query.get('peer')]);
  peer.value = query.get('peer') || '';
  const on = h('input', {type: 'date', value: query.get('day') || ''});
  const list = h('div'), pages = h('div', {class: 'row'}), chart = h('div', {class: 'two'}), limit = h('div', {class: 'row'});
  const form = h('form', {class: 'filters', 'aria-label': t('filters'), onsubmit(e) { e.preventDefault(); fresh(); }},
    field(t('by_path'), path), field(t('by_peer'), peer), field(t('col_kind'), kind), field(t('col_action'), action), field(t('by_day'), on),
    h('div', {class: 'row'}, h('button', {class: 'button main'}, t('filter')), button(t('clear'), () => {
      for (const x of [path, peer, kind, action, on]) x.value = '';
      given.since = given.until = null;
      fresh();
    })));
  on.addEventListener('change', () => { given.since = given.until = null; }); // another span of time
  for (const x of [peer, kind, action, on]) x.addEventListener('change', () => fresh());
  const links = runLinks(f);
  swap(root, chart, h('section', {class: 'panel'}, h('h2', {}, t('log')), h('p', {class: 'row small'}, links.now && h('a', {href: links.now}, t('this_log')), links.last && h('a', {href: links.last}, t('last_log'))), form, limit, list, pages));
  let stack = [{}], asked = null;

  function fresh() {
    stack = [{}];
    swap(limit, given.since && h('p', {}, t('only_span', {from: second(given.since), to: given.until ? second(given.until) : t('now')})));
    return draw();
  }

  async function draw() {
    asked?.abort();
    asked = new AbortController();
    const mine = asked;
    const q = {limit: pageSize, ...stack.at(-1)};
    if (path.value.trim()) q.glob = path.value.trim();
    if (peer.value) q.peer = peer.value;
    if (kind.value) q.kind = kind.value;
    if (action.value) q.action = action.value;
    if (on.value) Object.assign(q, spanOf(on.value));
    else {
      if (given.since) q.since = given.since;
      if (given.until) q.until = given.until;
    }
    if (!list.firstChild) swap(list, loading());
    list.setAttribute('aria-busy', 'true');
    try {
      const page = await gather(f, q, mine.signal);
      if (mine !== asked) return;
      offer(page.changes.map(c => !c.own && c.by));
      show(pages, page.next || stack.length > 1);
      swap(pages, button(t('newer'), act(async () => { stack.pop(); await draw(); root.scrollIntoView(); }), {class: 'button', 'aria-disabled': stack.length < 2 ? 'true' : null}),
        button(t('older'), act(async () => { stack.push({before: page.next, skip: page.skip}); await draw(); root.scrollIntoView(); }), {class: 'button', 'aria-disabled': page.next ? null : 'true'}));
      swap(list, page.changes.length ? table(page.changes) : empty(t('no_changes'), t('no_changes_text')));
      say(t('n_changes', {n: page.changes.length}));
    } catch (e) {
      if (e.name !== 'AbortError') swap(list, failed(e, draw));
    } finally {
      list.removeAttribute('aria-busy');
    }
  }

  let days = [];
  const drawDays = () => swap(chart, charts(days, d => {
    on.value = d;
    given.since = given.until = null;
    fresh();
    form.scrollIntoView({block: 'center'});
  }));
  narrow.addEventListener('change', drawDays);
  verb('days', f.path, {}).then(all => { days = all || []; drawDays(); }, e => swap(chart, h('p', {class: 'problem'}, sentence(e))));
  fresh();
  return () => { asked?.abort(); narrow.removeEventListener('change', drawDays); };
}

// gather asks until a page is full: with a filter the node answers in parts.
async function gather(f, q, signal) {
  const all = {changes: [], next: 0, skip: 0};
  for (let i = 0; i < 50; i++) {
    const a = await verb('log', f.path, {...q, limit: q.limit - all.changes.length}, signal);
    all.changes.push(...(a.changes || []));
    all.next = a.next || 0;
    all.skip = a.skip || 0;
    if (!all.next || all.changes.length >= q.limit) break;
    q = {...q, before: all.next, skip: all.skip};
  }
  return all;
}

// about is what the columns do not say already.
function about(c) {
  const why = [`${c.action} here`, `from ${c.by}`].includes(c.why) ? '' : c.why;
  return (why || c.kept) && h('span', {class: 'muted small block'}, why && h('span', {lang: 'en'}, why), why && c.kept && ' · ', c.kept && t('kept'));
}

function table(changes) {
  let was = '';
  const rows = [];
  for (const c of changes) {
    const d = day(c.time);
    if (d !== was) rows.push(h('tr', {class: 'day-row'}, h('th', {colspan: 5, scope: 'colgroup'}, was = d)));
    rows.push(h('tr', {}, h('td', {class: 'nowrap muted'}, h('time', {datetime: c.time}, clock(c.time))),
      h('td', {}, h('span', {class: 'tag tag-' + c.action.split(' ')[0]}, has('act_' + c.action) ? t('act_' + c.action) : c.action)),
      h('td', {class: 'wide-cell'}, withIcon(c.kind, name(c.path, c.raw_path), c.from && h('span', {class: 'muted small'}, ' ← ', name(c.from, c.raw_from)), about(c))),
      h('td', {class: 'num'}, c.kind === 'file' ? size(c.size) : ''),
      h('td', {}, c.own ? t('here') : c.via ? [t('through'), ' ', name(c.by)] : name(c.by || '–'))));
  }
  return h('div', {class: 'scroll', tabindex: '0', role: 'group', 'aria-label': t('log')}, h('table', {class: 'log'}, h('caption', {class: 'quiet'}, t('log')),
    h('thead', {}, h('tr', {}, ['time', 'action', 'path', 'size', 'by'].map(k => h('th', {scope: 'col', class: k === 'size' ? 'num' : null}, t('col_' + k))))), h('tbody', {}, rows)));
}
