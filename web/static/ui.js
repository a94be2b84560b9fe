// Parts of the page that all views use: dialogs, notes, what is read aloud.

import {h, button, icon, clean, swap} from './dom.js';
import {t} from './words.js';
import {line} from './api.js';

// sentence is what is shown of an error.
export function sentence(e) {
  if (e && e.status === 0) return t('node_away_now');
  if (e instanceof TypeError && /import/i.test(e.message)) return t(line.stale ? 'stale' : 'node_away_now'); // a part of the page does not come
  return clean(e && e.message) || t(e && e.status === 401 ? 'not_in' : 'went_wrong');
}

// note shows a short message below. What went wrong stays until it is closed.
export function note(text, bad) {
  const open = [...document.querySelectorAll('dialog[open]')].at(-1);
  if (bad && open) return noteIn(open, text); // what is behind a dialog is dimmed, and not read
  const box = document.getElementById('notes');
  const el = h('div', {class: bad ? 'note note-bad' : 'note'}, icon(bad ? 'bad' : 'good'), h('p', {}, text),
    button(t('close'), () => el.remove(), {class: 'button plain'}));
  box.append(el);
  while (box.children.length > 4) box.firstElementChild.remove();
  if (!bad) setTimeout(() => el.remove(), 6000);
  return el;
}

function noteIn(dialog, text) {
  dialog.querySelector('.dialog-note')?.remove();
  const el = h('div', {class: 'dialog-note', role: 'alert'}, icon('bad'), h('p', {}, text));
  dialog.querySelector('.dialog-foot').before(el);
  return el;
}

// past takes away what went wrong before: something else is done now.
export function past() { for (const el of document.querySelectorAll('.note-bad, .dialog-note')) el.remove(); }

export function noteError(e) {
  if (e && e.name === 'AbortError') return;
  note(sentence(e), true);
}

// act does something when a button is pressed, once at a time, and says how it went.
export function act(what, done) {
  return async event => {
    const b = event.currentTarget;
    if (b.getAttribute('aria-disabled') === 'true') return;
    b.setAttribute('aria-disabled', 'true');
    past();
    try {
      const answer = await what(event);
      const words = typeof done === 'function' ? done(answer) : done;
      if (words && answer !== false) note(words);
    } catch (e) {
      noteError(e);
    } finally {
      b.removeAttribute('aria-disabled');
    }
  };
}

let said = 0, waiting = '', timer = 0;

// say has a text read aloud, at most one in four seconds: the last one counts.
export function say(text) {
  waiting = text;
  if (timer) return;
  timer = setTimeout(() => {
    timer = 0;
    said = Date.now();
    document.getElementById('live').textContent = waiting;
  }, Math.max(150, said + 4000 - Date.now()));
}

// unsaved is asked before a view is left: what was typed is not lost unasked.
export const unsaved = {ask: null};
addEventListener('beforeunload', e => { if (unsaved.ask) e.preventDefault(); });

let numbers = 0;
export function newId(prefix) { return prefix + ++numbers; }

// dialog opens one, and gives what was chosen; null if it was closed. The focus
// goes back to where it was.
export function dialog({title, body, actions, wide}) {
  const id = newId('dialog');
  const before = document.activeElement;
  const d = h('dialog', {class: wide ? 'dialog wide' : 'dialog', 'aria-labelledby': id});
  const close = value => { d.result = value; d.close(); };
  const head = h('div', {class: 'dialog-head'}, h('h2', {id, tabindex: '-1'}, title),
    h('button', {type: 'button', class: 'button plain close', 'aria-label': t('close'), onclick: () => close(null)}, icon('away')));
  const foot = h('div', {class: 'dialog-foot'});
  d.append(head, h('div', {class: 'dialog-body'}, body), foot);
  const set = list => swap(foot, (list || []).map(a => button(a.label, act(async () => {
    const value = a.run ? await a.run() : a.value;
    if (value !== undefined && value !== false) close(value);
    return false;
  }), {class: 'button' + (a.main ? ' main' : '') + (a.danger ? ' danger' : '')})));
  set(actions);
  document.body.append(d);
  const result = new Promise(resolve => d.addEventListener('close', () => {
    d.remove();
    if (before && before.isConnected) before.focus();
    else document.querySelector('main h1')?.focus();
    resolve(d.result ?? null);
  }));
  d.addEventListener('click', e => {
    if (e.target !== d) return;
    const r = d.getBoundingClientRect(); // the backdrop, not the padding
    const out = e.clientX < r.left || e.clientX > r.right || e.clientY < r.top || e.clientY > r.bottom;
    if (out && !d.querySelector('textarea, input')) close(null);
  });
  d.showModal();
  (d.querySelector('[autofocus]') || d.querySelector('h2')).focus();
  return Object.assign(result, {close, actions: set, el: d});
}

// sure asks before something that is not taken back easily.
export function sure({title, text, yes, danger}) {
  return dialog({title, body: [text].flat().map(x => h('p', {}, x)), actions: [
    {label: t('cancel'), value: null},
    {label: yes, value: true, main: !danger, danger},
  ]});
}

// copy puts a text on the clipboard.
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    note(t('copied'));
  } catch {
    note(t('copy_failed'), true);
  }
}

// field is a labelled control.
export function field(label, control, help, props) {
  control.id ||= newId('field');
  const hint = help ? h('p', {class: 'help', id: control.id + '-help'}, help) : null;
  if (hint) control.setAttribute('aria-describedby', hint.id);
  return h('div', {class: 'field', ...props}, h('label', {for: control.id}, label), control, hint);
}

// choice is a select of [value, text] pairs.
export function choice(options, value, props) {
  const s = h('select', props, options.map(([v, text]) => h('option', {value: v, selected: v === value}, text)));
  s.value = value;
  return s;
}

// empty says that there is nothing, and what to do.
export function empty(title, text, ...more) {
  return h('div', {class: 'empty'}, h('p', {class: 'empty-title'}, title), text && h('p', {}, text), more);
}

export function loading() { return h('p', {class: 'loading', role: 'status'}, t('loading')); }

export function failed(e, again) {
  return h('div', {class: 'box box-bad', role: 'alert'}, icon('bad'), h('p', {}, sentence(e)), again && button(t('try_again'), again));
}
