// Settings as a form. What is changed is written into config.yaml, whose comments
// stay; what is not touched is not written.

import {h, swap, text, show, button, name, within} from './dom.js';
import {t, has, size, count, language} from './words.js';
import {get, post, verb, line} from './api.js';
import {act, choice, newId, loading, failed, unsaved, sure, note, say, sentence} from './ui.js';

export function mount(root, f) { return form(root, f.path, '', f); }

const lines = v => v.split('\n').map(x => x.trim()).filter(Boolean);
// rules are ignore rules, as git reads them: blanks in front are part of one, and so is
// one at the end that is escaped. The node takes off what git does.
const rules = v => v.split('\n').filter(x => x.trim());
const same = (a, b) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

// form fills root with the settings of a folder, or with '' of the node.
export async function form(root, folder, hint, f) {
  swap(root, loading());
  let fields = [], gone = false, file = '';
  const status = h('p', {class: 'muted small', role: 'status'});
  const start = async () => {
    try {
      const a = await get('settings?folder=' + encodeURIComponent(folder));
      if (gone) return;
      file = a.file || 'config.yaml';
      fields = (a.keys || []).filter(k => k.name !== 'path').map(k => control(k, dirty));
      const ignore = f && preview(f, fields);
      const save = h('button', {class: 'button main'}, t('save'));
      const el = h('form', {class: 'stack', novalidate: true, async onsubmit(e) {
        e.preventDefault();
        await act(store)({currentTarget: save});
      }}, h('section', {class: 'panel'}, h('h2', {}, folder ? t('settings_folder') : t('settings_node')), h('p', {class: 'muted small'}, t('settings_file'), ' ', name(file), hint && ['. ', hint]),
        (a.problems || []).map(p => h('p', {class: 'problem', lang: 'en'}, typeof p === 'string' ? p : p.text || p.problem)),
        h('div', {class: 'form-grid'}, fields.map(x => [x.el, x.name === 'exclude' && ignore && ignore.el]))),
      h('div', {class: 'save-bar'}, save, button(t('discard'), () => { for (const x of fields) x.reset(); dirty(); ignore?.run(); }), status));
      swap(root, el);
      dirty();
      ignore?.run();
    } catch (e) {
      swap(root, failed(e, start));
    }
  };

  function changed() { return fields.filter(x => x.changed()); }

  function dirty() {
    const n = changed().length;
    text(status, n ? t('n_unsaved', {n}) : '');
    unsaved.ask = n ? () => sure({title: t('unsaved'), text: t('unsaved_text'), yes: t('leave_anyway'), danger: true}) : null;
  }

  async function store() {
    const set = {};
    for (const x of changed()) set[x.name] = x.value();
    for (const x of fields) x.problem('');
    if (!Object.keys(set).length) return note(t('nothing_changed'));
    const moves = !folder && wherePage(fields, file);
    if (moves && !(await sure({title: t(moves.off ? 'page_off_title' : 'page_moves_title'), text: [t('page_ends'), moves.text, t('page_return')], yes: t(moves.off ? 'page_off_yes' : 'page_moves_yes'), danger: true}))) return;
    try {
      await post('settings', {folder, set});
    } catch (e) {
      const wrong = e.answer?.problems || e.answer?.answer?.problems || {};
      let first = null;
      for (const x of fields) if (wrong[x.name]) { x.problem(wrong[x.name]); first ||= x; }
      first?.focus();
      throw first ? new Error(t('not_saved')) : e;
    }
    unsaved.ask = null;
    if (moves) {
      line.moved = true; // that the node does not answer here is no surprise
      line.onchange();
      const title = h('h2', {tabindex: '-1'}, t(moves.off ? 'page_is_off' : 'page_has_moved'));
      swap(root, h('section', {class: 'panel', role: 'status'}, title, h('p', {}, t('saved_only'), ' ', moves.text), h('p', {}, t('page_return')), h('pre', {class: 'command'}, 'qsync open')));
      return title.focus();
    }
    const held = root.contains(document.activeElement);
    await start(); // before it is told: what is typed after that goes into the new form
    if (held) root.querySelector('.save-bar .main')?.focus();
    note(t('saved'));
  }

  await start();
  return () => { gone = true; unsaved.ask = null; };
}

// wherePage is where the page will be when these settings of the node hold, and null if
// it stays where it is.
function wherePage(fields, file) {
  const of = n => fields.find(x => x.name === 'web.' + n);
  const [listen, cert, key] = ['listen', 'cert', 'key'].map(of);
  if (![listen, cert, key].some(x => x?.changed())) return null;
  const at = (listen?.value() || 'auto').trim();
  if (at === 'off') return {off: true, text: t('page_to_off', {file: within(file)})};
  if (at === 'auto') return {text: t('page_to_auto')};
  const [host, port] = pageAt(at);
  if (Number(port) === 0) return {text: t('page_to_free', {at: within(host)})};
  return {text: t('page_to', {at: within(`${cert?.value() && key?.value() ? 'https' : 'http'}://${host}:${port}`)})};
}

// pageAt is the host and the port of an address of which either may be left out, as the
// node takes it.
export function pageAt(at) {
  if (/^\d+$/.test(at)) return ['127.0.0.1', at];
  if (/^[\d.]+$/.test(at)) return [at, '7555'];
  if (/^\[[^\]]*\]$/.test(at)) return [at, '7555'];
  if (/^[^[\]]*:[^[\]]*:[^[\]]*$/.test(at)) return [`[${at}]`, '7555'];
  const colon = at.lastIndexOf(':');
  return [at.slice(0, colon) || '*', at.slice(colon + 1)];
}

// control is one setting with its label, its help, and what is wrong with it.
function control(k, dirty) {
  const id = newId('set'), label = has('key_' + k.name) ? t('key_' + k.name) : k.name;
  const helpId = id + '-help', problemId = id + '-problem';
  const described = {id, 'aria-describedby': helpId + ' ' + problemId};
  const unset = k.value === null || k.value === undefined || k.value === '' || same(k.value, k.default); // the node tells what holds, set or not
  const rest = shown(k.default), placeholder = rest && t('by_default', {value: rest});
  let input, read;
  switch (k.kind) {
    case 'bool':
      input = h('input', {type: 'checkbox', checked: k.value ?? k.default ?? false, ...described});
      read = () => input.checked;
      break;
    case 'list':
      input = h('textarea', {class: 'mono-input', spellcheck: 'false', autocomplete: 'off', rows: 3, ...described});
      input.value = (k.value || []).join('\n');
      read = () => (k.name === 'exclude' ? rules : lines)(input.value);
      break;
    case 'choice':
      input = choice([['', k.name === 'mode' && !rest ? t('mode_long_auto') : placeholder || t('none')], ...(k.choices || []).map(c => [c, has('mode_long_' + c) && k.name === 'mode' ? t('mode_long_' + c) : c])], unset ? '' : String(k.value), described);
      read = () => input.value || null;
      break;
    default:
      input = h('input', {type: k.kind === 'number' ? 'number' : 'text', min: k.kind === 'number' ? 0 : null, autocomplete: 'off', spellcheck: 'false', placeholder, value: unset ? '' : String(k.value), ...described});
      // What is no number reads as nothing, which would take the setting out: the node is to refuse it.
      read = () => input.validity.badInput ? '?' : input.value.trim() === '' ? null : k.kind === 'number' ? Number(input.value) : input.value.trim();
  }
  const before = read();
  const problem = h('p', {class: 'problem', id: problemId, lang: 'en'});
  const ours = has('help_' + k.name);
  const help = h('p', {class: 'help', id: helpId, lang: ours ? null : 'en'}, ours ? t('help_' + k.name) : k.help || '', ' ', h('code', {class: 'key'}, k.name));
  input.addEventListener('input', dirty);
  input.addEventListener('change', dirty);
  return {
    name: k.name, input, el: h('div', {class: k.kind === 'bool' ? 'field check' : k.kind === 'list' ? 'field full' : 'field'}, k.kind === 'bool' ? [input, h('label', {for: id}, label)] : [h('label', {for: id}, label), input], help, problem),
    value: () => ((Array.isArray(read()) && !read().length) || (k.kind === 'bool' && same(read(), k.default ?? false)) ? null : read()), changed: () => !same(read(), before), focus: () => input.focus(),
    problem(words) { text(problem, words); if (words) input.setAttribute('aria-invalid', 'true'); else input.removeAttribute('aria-invalid'); },
    reset() { if (k.kind === 'bool') input.checked = before; else input.value = Array.isArray(before) ? before.join('\n') : before ?? ''; },
  };
}

const shown = v => Array.isArray(v) ? v.join(', ') : v === null || v === undefined ? '' : String(v);

// preview shows, while the rules are typed, what they would leave out.
function preview(f, fields) {
  const field = fields.find(x => x.name === 'exclude'), defaults = fields.find(x => x.name === 'default_ignores');
  if (!field) return null;
  const head = h('p', {'aria-live': 'polite'}), list = h('ul', {class: 'plain-list long', tabindex: '0'}), problem = h('p', {class: 'problem'});
  const el = h('section', {class: 'sunken full', 'aria-label': t('ignore_preview')}, h('h3', {}, t('ignore_preview')), head, problem, list);
  let timer = 0, asked = null;
  const run = async () => {
    asked?.abort();
    asked = new AbortController();
    try {
      const a = await verb('preview', f.path, {exclude: field.value() || [], default_ignores: defaults ? defaults.input.checked : true}, asked.signal);
      text(problem, '');
      text(head, [a.entries ? t('ignore_drops', {n: a.entries, size: size(a.bytes)}) : t('ignore_nothing'), a.back ? t('ignore_back', {n: a.back}) : '', a.cut ? t('ignore_cut') : ''].join(' '));
      const item = p => h('li', {}, name('', p));
      swap(list, (a.paths || []).slice(0, 200).map(item), (a.back_paths || []).length > 0 && h('li', {class: 'strong'}, t('ignore_back_list')), (a.back_paths || []).slice(0, 100).map(item));
      show(list, list.firstChild);
    } catch (e) {
      if (e.name === 'AbortError') return;
      text(problem, sentence(e));
      swap(list);
    }
  };
  const soon = () => { clearTimeout(timer); timer = setTimeout(run, 350); };
  field.input.addEventListener('input', soon);
  defaults?.input.addEventListener('change', soon);
  return {el, run};
}
