// Sharing a folder, joining one, and inviting another device: the ways in.

import {h, svg, text, show, button, swap, within, setName} from './dom.js';
import {t} from './words.js';
import {post, picture} from './api.js';
import {load} from './model.js';
import {dialog, field, choice, copy, sentence, note, newId} from './ui.js';
import {label} from './states.js';

const modes = ['', 'two-way', 'send', 'backup', 'receive', 'mirror'];

function modeField(which) {
  const s = choice(which.map(m => [m, t(m ? 'mode_long_' + m : 'mode_long_auto')]), which[0]);
  return {el: field(t('f_mode'), s), get value() { return s.value || undefined; }};
}

// share asks for a directory, and shows what to type on the other side.
export async function share() {
  const dir = h('input', {autocomplete: 'off', spellcheck: 'false', required: true, autofocus: true, class: 'mono-input'});
  const called = h('input', {autocomplete: 'off', maxlength: 64});
  const mode = modeField(['', 'two-way', 'send', 'backup']);
  const problem = h('p', {class: 'problem', role: 'alert'});
  let answer = null;
  await form({title: t('share_folder'), yes: t('share'), problem, body: [h('p', {}, t('share_text')), field(t('dir_here'), dir, t('dir_help')), field(t('f_label'), called, t('label_help')), mode.el], async run() {
    answer = (await post('share', {dir: dir.value.trim(), label: called.value.trim() || undefined, mode: mode.value})).answer;
    return true;
  }});
  if (!answer) return;
  load().catch(() => {});
  await showInvite(answer, t('shared_title'));
}

// invite shows again how another device joins a folder.
export async function invite(f) {
  const a = await post('invite', {folder: f.path});
  await showInvite(a.answer || a, t('invite_title', {name: within(label(f))}));
}

// form is a dialog that does something and says what is wrong.
function form({title, body, yes, run, problem}) {
  const d = dialog({title, body: [body, problem], actions: [{label: t('cancel'), value: null}, {label: yes, main: true, async run() {
    text(problem, '');
    try {
      return await run();
    } catch (e) {
      text(problem, sentence(e));
      return false;
    }
  }}]});
  d.el.addEventListener('keydown', e => {
    if (e.key === 'Enter' && e.target.matches('input:not([type=file])')) {
      e.preventDefault();
      d.el.querySelector('.button.main').click();
    }
  });
  return d;
}

function secret(title, value, hidden) {
  const out = h('p', {class: 'command secret', id: newId('secret')}, value);
  const box = h('div', {class: 'secret-box'});
  const toggle = button('', () => set(out.hidden), {class: 'button slim', 'aria-controls': out.id});
  function set(open) {
    show(out, open);
    text(toggle, t(open ? 'hide' : 'show'));
    toggle.setAttribute('aria-expanded', open);
  }
  box.append(h('div', {class: 'row'}, h('h3', {}, title), h('span', {class: 'grow'}), toggle, button(t('copy'), () => copy(value), {class: 'button slim'})), out);
  set(!hidden);
  return box;
}

async function showInvite(a, title) {
  const body = [h('p', {class: 'box box-warn'}, t('secret_text'))];
  const code = a.qr && a.qr.rows ? h('figure', {class: 'qr-box'}, qr(a.qr.rows), h('figcaption', {class: 'small muted'}, t('qr_caption'))) : null;
  const steps = h('div', {class: 'stack'}, h('h3', {}, t('on_the_other')), h('p', {}, t('other_page')), h('p', {}, t('other_shell')),
    (a.commands || ['qsync join - DIR']).map(c => h('pre', {class: 'command'}, setName(h('bdi'), c))), h('p', {class: 'muted small'}, t('other_then')));
  body.push(h('div', {class: 'invite'}, code, steps));
  body.push(secret(t('the_words'), a.words, true), secret(t('the_id'), a.id, true));
  if (a.link) body.push(secret(t('the_link'), a.link, true));
  await dialog({title, body, wide: true, actions: [{label: t('done'), value: true, main: true}]});
}

// qr draws a code from rows of 0 and 1: dark on white whatever the colours are,
// for a camera wants that.
export function qr(rows) {
  const n = rows.length, edge = 4;
  let d = '';
  rows.forEach((row, y) => {
    for (let x = 0; x < row.length;) {
      if (row[x] !== '1') { x++; continue; }
      let w = 1;
      while (row[x + w] === '1') w++;
      d += `M${x + edge} ${y + edge}h${w}v1h-${w}z`;
      x += w;
    }
  });
  const all = n + 2 * edge;
  return svg('svg', {viewBox: `0 0 ${all} ${all}`, role: 'img', 'aria-label': t('qr_label'), class: 'qr', 'shape-rendering': 'crispEdges'},
    svg('rect', {width: all, height: all, fill: '#fff'}), svg('path', {d, fill: '#000'}));
}

// join takes an ID, words, a link or a picture of a code.
export async function join() {
  const input = h('textarea', {autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', class: 'mono-input', rows: 4, autofocus: true});
  const state = h('p', {class: 'help', 'aria-live': 'polite'});
  const list = h('div', {class: 'row suggest', role: 'group', 'aria-label': t('suggestions')});
  const file = h('input', {type: 'file', accept: 'image/png,image/jpeg,image/gif'});
  const dir = h('input', {autocomplete: 'off', spellcheck: 'false', class: 'mono-input'});
  const remote = h('input', {autocomplete: 'off', spellcheck: 'false', class: 'mono-input'});
  const mode = modeField(modes.filter(m => m !== 'send' && m !== 'backup'));
  const problem = h('p', {class: 'problem', role: 'alert'});
  let timer = 0, asked = 0;
  const look = async () => {
    const mine = ++asked, value = input.value;
    swap(list);
    if (!value.trim() || /[:?=]|[0-9a-fA-F]{12}/.test(value)) {
      text(state, value.trim() ? t('not_words') : '');
      return;
    }
    try {
      const a = await post('words', {text: value});
      if (mine !== asked) return;
      input.setAttribute('aria-invalid', String(Boolean(a.problem)));
      text(state, a.ok ? t('words_ok') : a.problem || t('words_count', {n: a.count}));
      swap(list, (a.suggest || []).slice(0, 8).map(w => button(w, () => {
        input.value = input.value.replace(/[^\s-]*$/, w + ' ');
        input.focus();
        look();
      }, {class: 'button slim'})));
    } catch { /* the node says it when it is asked to join */ }
  };
  input.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(look, 150);
  });
  const take = async picked => {
    if (!picked) return;
    text(problem, '');
    try {
      input.value = (await picture('qr', picked)).invitation;
      look();
      note(t('qr_read'));
    } catch (e) {
      text(problem, sentence(e));
    }
  };
  file.addEventListener('change', () => take(file.files[0]));
  input.addEventListener('paste', e => {
    const image = [...(e.clipboardData?.files || [])].find(f => f.type.startsWith('image/'));
    if (!image) return;
    e.preventDefault();
    take(image);
  });
  const done = await form({title: t('join_folder'), yes: t('join'), problem, body: [
    field(t('invitation'), input, t('invitation_help')), state, list,
    field(t('qr_image'), file, t('qr_image_help')), field(t('dir_here'), dir, t('dir_join_help')),
    h('details', {class: 'fold'}, h('summary', {}, t('more')), h('div', {class: 'stack'}, mode.el, field(t('remote'), remote, t('remote_help')))),
  ], async run() {
    if (!input.value.trim()) { input.focus(); throw new Error(t('invitation_missing')); }
    if (!dir.value.trim()) { dir.focus(); throw new Error(t('dir_missing')); }
    await post('join', {invitation: input.value.trim(), dir: dir.value.trim(), mode: mode.value, remotes: remote.value.split(/[\s,]+/).filter(Boolean)});
    return true;
  }});
  if (!done) return;
  note(t('joined'));
  await load();
}
