// The settings of the node, and of this page.

import {h, swap, button, name, setName, put} from './dom.js';
import {t, ago, speak, language, languages} from './words.js';
import {model, load, watch} from './model.js';
import {session} from './api.js';
import {form} from './settings.js';
import {act, field, choice, sure} from './ui.js';

export async function mount(root) {
  if (!model.loaded) await load().catch(() => {});
  const n = model.node || {};
  const fact = (k, v) => v && h('div', {}, h('dt', {}, t(k)), h('dd', {}, v));
  const body = h('div', {class: 'stack'});
  swap(root, h('div', {class: 'page-head'}, h('h1', {tabindex: '-1'}, t('settings')), h('p', {class: 'lead'}, t('node_lead'))),
    h('section', {class: 'panel'}, h('h2', {}, t('this_node')), h('dl', {class: 'facts wide'}, fact('n_name', n.name && name(n.name)), fact('n_id', n.node && h('span', {class: 'path'}, n.node)), fact('n_version', n.version && name(n.version)),
      fact('n_listen', (n.listen || []).map((a, i) => [i > 0 && ', ', h('span', {class: 'path'}, a)])), fact('n_up', n.started && ago(n.started)), fact('n_pid', n.pid && String(n.pid))),
      h('div', {class: 'row'}, button(t('leave'), act(async () => { await session.leave(); location.reload(); })), button(t('leave_all'), act(leaveAll)))), body);
  return form(body, '', t('node_restart'));
}

async function leaveAll() {
  if (!(await sure({title: t('leave_all_title'), text: [t('leave_all_text'), t('leave_all_scripts')], yes: t('leave_all'), danger: true}))) return;
  await session.leaveAll();
  location.reload();
}
