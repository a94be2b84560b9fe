// Profiles: folders that are started and stopped together, saved and loaded as
// files of the node's home.

import {h, swap, button, name, within} from './dom.js';
import {t, has} from './words.js';
import {get, post} from './api.js';
import {model, load} from './model.js';
import {label} from './states.js';
import {dialog, field, act, empty, loading, failed, sure, note} from './ui.js';

export async function mount(root) {
  const body = h('div', {class: 'stack'}, loading());
  const head = h('div', {class: 'page-head'}, h('h1', {tabindex: '-1'}, t('profiles')), h('p', {class: 'lead'}, t('profiles_lead')), h('div', {class: 'row'}, button(t('profile_new'), act(create), {class: 'button main'})));
  swap(root, head, body);
  if (!model.loaded) await load().catch(() => {});
  let gone = false;
  const draw = async () => {
    try {
      const a = await get('profiles');
      if (gone) return;
      const files = (a.files || []).map(x => typeof x === 'string' ? x : x.name);
      const all = a.profiles || [];
      const rest = files.filter(x => !all.some(p => p.name === x));
      swap(body, all.length ? h('div', {class: 'grid'}, all.map(p => one(p, files.includes(p.name)))) : empty(t('profiles_none'), t('profiles_none_text')),
        rest.length > 0 && h('section', {class: 'panel'}, h('h2', {}, t('profiles_saved')), h('p', {class: 'muted'}, t('profiles_saved_text')), h('ul', {class: 'plain-list'}, rest.map(x => h('li', {class: 'row'}, name(x), h('span', {class: 'grow'}), button(t('profile_load'), run('load', x, 'profile_loaded')), button(t('profile_remove'), remove(x), {class: 'button plain'}))))));
    } catch (e) {
      swap(body, failed(e, draw));
    }
  };

  const run = (what, which, words) => act(async () => {
    await post('profiles/' + what, {name: which});
    if (words) note(t(words, {name: within(which)}));
    await draw();
    return false;
  });

  const remove = which => act(async () => {
    if (!(await sure({title: t('profile_remove_title', {name: within(which)}), text: t('profile_remove_text'), yes: t('delete'), danger: true}))) return;
    await post('profiles/remove', {name: which});
    note(t('profile_removed', {name: within(which)}));
    await draw();
  });

  function one(p, saved) {
    const stopped = p.state === 'stopped' || p.state === 'paused';
    return h('article', {class: 'card', 'aria-label': p.name}, h('div', {class: 'card-head'}, h('h2', {}, name(p.name)), h('span', {class: 'state'}, has('pstate_' + p.state) ? t('pstate_' + p.state) : p.state)),
      (p.folders || []).length ? h('ul', {class: 'plain-list'}, p.folders.map(d => h('li', {}, folderName(d)))) : h('p', {class: 'muted'}, t('profile_empty')), saved && h('p', {class: 'muted small'}, t('profile_has_file')), h('div', {class: 'grow'}),
      h('div', {class: 'card-foot'}, stopped ? button(t('profile_start'), run('start', p.name)) : button(t('profile_stop'), run('stop', p.name)), button(t('save'), run('save', p.name, 'profile_saved')), h('span', {class: 'grow'}),
        button(t('delete'), act(async () => {
          if (!(await sure({title: t('profile_delete', {name: within(p.name)}), text: [t('profile_delete_text'), saved && t('profile_delete_file')].filter(Boolean), yes: t('delete'), danger: true}))) return;
          await post('profiles/delete', {name: p.name});
          await draw();
        }), {class: 'button plain'})));
  }

  function folderName(dir) {
    const f = model.folders.get(dir);
    return f ? h('a', {href: '#/folder/' + encodeURIComponent(dir)}, name(label(f))) : name(dir);
  }

  async function create() {
    const called = h('input', {autocomplete: 'off', spellcheck: 'false', pattern: '[A-Za-z0-9._\\-]+', autofocus: true});
    const boxes = [...model.folders.values()].map(f => ({f, box: h('input', {type: 'checkbox', checked: !f.profile})}));
    const list = h('fieldset', {}, h('legend', {}, t('profile_which')), boxes.map(({f, box}) => h('label', {class: 'check'}, box, name(label(f)), f.profile && h('span', {class: 'muted small'}, t('profile_now', {name: within(f.profile)})))));
    const ok = await dialog({title: t('profile_new'), body: [field(t('profile_name'), called, t('profile_name_help')), list], actions: [{label: t('cancel'), value: null}, {label: t('create'), main: true, async run() {
      if (!called.value.trim()) { called.focus(); throw new Error(t('profile_name_missing')); }
      await post('profiles/create', {name: called.value.trim(), folders: boxes.filter(x => x.box.checked).map(x => x.f.path)});
      return true;
    }}]});
    if (ok) await draw();
    return false;
  }

  draw();
  return () => { gone = true; };
}
