// A folder as it is, or as it was at a time that is kept, and how to get back
// what was in it.

import {h, swap, text, show, button, name, withIcon, bytes64, within} from './dom.js';
import {t, size, moment, isTime, day} from './words.js';
import {verb} from './api.js';
import {act, choice, field, empty, loading, failed, say} from './ui.js';
import {restore} from './restore.js';

const part = 300;

// slash joins bytes in base64: names need not be UTF-8.
function below(dir, raw, name64) {
  if (!dir) return name64;
  const bytes = atob(dir) + '/' + atob(name64);
  return btoa(bytes);
}

const local = d => new Date(d.getTime() - d.getTimezoneOffset() * 60000).toISOString().slice(0, 16);

export function mount(root, f, query) {
  // Where we are: the directory in base64 for the node, and in names for people.
  let crumbs = [], at = query.get('at') || '', stack = [''], next = '', asked = null;
  const picked = new Map(); // path in base64 -> what is shown of it
  const when = h('input', {type: 'datetime-local', max: local(new Date()), value: at ? local(new Date(at)) : ''});
  const days = choice([['', t('a_day')]], '');
  const nav = h('nav', {'aria-label': t('where'), class: 'crumbs'}), list = h('div'), pages = h('div', {class: 'row'}), head = h('p', {class: 'muted', 'aria-live': 'polite'});
  const some = button('', act(() => restore(f, [...picked].map(([p, e]) => ({path: p, label: e.label})), at, done)));
  const whole = button('', act(() => restore(f, [{path: dir(), label: crumbs.length ? crumbs.at(-1).label : t('whole_folder')}], at, done)));
  const none = button(t('pick_none'), () => { picked.clear(); draw(); }, {class: 'button plain'});
  const dir = () => crumbs.length ? crumbs.at(-1).path : '';
  const set = value => { at = value; stack = ['']; picked.clear(); draw(); };
  when.addEventListener('change', () => set(when.value ? new Date(when.value).toISOString() : ''));
  days.addEventListener('change', () => {
    if (!days.value) return;
    const [y, m, d] = days.value.split('-').map(Number);
    const end = new Date(Math.min(new Date(y, m - 1, d, 23, 59, 59).getTime(), Date.now()));
    when.value = local(end);
    set(end.toISOString());
  });
  swap(root, h('section', {class: 'panel'}, h('div', {class: 'filters'}, field(t('as_of'), when), field(t('days_changed'), days),
    button(t('now_button'), () => { when.value = days.value = ''; set(''); })), nav, head, list, pages, h('div', {class: 'save-bar'}, some, whole, none)));
  verb('days', f.path, {}).then(all => (all || []).slice(0, 200).forEach(d => {
    const [y, m, x] = d.day.split('-').map(Number);
    days.append(h('option', {value: d.day}, day(new Date(y, m - 1, x))));
  }), () => show(days.parentElement, false));
  draw();

  function done() { picked.clear(); return draw(); }

  function go(to) {
    crumbs = to;
    stack = [''];
    draw().then(() => nav.querySelector('[aria-current]')?.focus());
  }

  async function draw() {
    asked?.abort();
    const mine = asked = new AbortController();
    swap(nav, h('ol', {}, [{label: t('whole_folder'), n: 0}, ...crumbs.map((c, i) => ({...c, n: i + 1}))].map((c, i, all) => h('li', {}, i < all.length - 1 ? h('button', {type: 'button', class: 'link', onclick: () => go(crumbs.slice(0, c.n))}, name(c.label, c.raw)) : h('span', {class: 'strong', 'aria-current': 'location', tabindex: '-1'}, name(c.label, c.raw))))));
    text(head, at ? t('shown_at', {time: moment(at)}) : t('shown_now') + ' · ' + t('as_of_help'));
    text(whole, t(crumbs.length ? 'restore_dir' : 'restore_all'));
    tell();
    if (!list.firstChild) swap(list, loading());
    list.setAttribute('aria-busy', 'true');
    try {
      const q = {path: dir(), limit: part};
      if (at) q.at = at;
      if (stack.at(-1)) q.after = stack.at(-1);
      const a = await verb('tree', f.path, q, mine.signal);
      if (mine !== asked) return;
      next = a.more ? a.next : '';
      swap(list, a.entries.length ? table(a.entries) : empty(t('empty_dir'), at ? t('empty_dir_then') : ''));
      show(pages, stack.length > 1 || Boolean(next));
      swap(pages, button(t('page_back'), act(async () => { stack.pop(); await draw(); }), {'aria-disabled': stack.length < 2 ? 'true' : null}),
        button(t('page_on'), act(async () => { stack.push(next); await draw(); list.scrollIntoView(); }), {'aria-disabled': next ? null : 'true'}), h('span', {class: 'muted small'}, t('page_n', {n: stack.length})));
      say(t('n_entries', {n: a.entries.length}));
    } catch (e) {
      if (e.name !== 'AbortError') swap(list, failed(e, draw));
    } finally {
      list.removeAttribute('aria-busy');
    }
  }

  function tell() {
    text(some, t('restore_picked', {n: picked.size}));
    show(some, picked.size > 0);
    show(none, picked.size > 0);
  }

  function table(entries) {
    const rows = entries.map(e => {
      const path = below(dir(), null, bytes64(e.name, e.raw_name));
      const box = h('input', {type: 'checkbox', checked: picked.has(path), 'aria-label': t('pick', {name: within(e.name, e.raw_name)}), onchange() {
        if (box.checked) picked.set(path, {label: e.name});
        else picked.delete(path);
        tell();
      }});
      const open = e.kind === 'dir' || e.kind === 'directory' ? () => go([...crumbs, {label: e.name, raw: e.raw_name, path}]) : act(async () => (await import('./file.js')).open(f, e, path, at, done));
      const tags = [e.deleted && ['deleted', 'tag_deleted'], !e.deleted && at && e.version > 0 && ['modified', 'tag_older'], e.lost && ['deleted', 'tag_lost'], e.ignored && ['', 'tag_ignored']].filter(Boolean);
      return h('tr', {class: e.deleted ? 'gone' : null}, h('td', {class: 'pick'}, box),
        h('td', {class: 'wide-cell'}, withIcon(e.kind, h('button', {type: 'button', class: 'link', onclick: open}, name(e.name, e.raw_name)),
          tags.map(([c, k]) => [' ', h('span', {class: 'tag tag-' + c}, t(k))]), e.moved && h('span', {class: 'muted small block'}, t('moved_to'), ' ', name(e.moved, e.raw_moved)))),
        h('td', {class: 'num'}, e.kind === 'file' ? size(e.size) : ''), h('td', {class: 'nowrap muted mtime'}, isTime(e.mtime) ? moment(e.mtime) : ''), h('td', {class: 'num versions'}, e.versions || ''));
    });
    return h('div', {class: 'scroll', tabindex: '0', role: 'group', 'aria-label': t('tab_versions')}, h('table', {class: 'tree'}, h('caption', {class: 'quiet'}, t('tab_versions')),
      h('thead', {}, h('tr', {}, h('th', {scope: 'col'}, h('span', {class: 'quiet'}, t('col_pick'))), ['name', 'size', 'mtime', 'versions'].map(k => h('th', {scope: 'col', class: {mtime: 'mtime', size: 'num', versions: 'num versions'}[k] || null}, t('col_' + k))))), h('tbody', {}, rows)));
  }
  return () => asked?.abort();
}
