// The brake: what a stopped folder would have done, and the two ways on.

import {h, swap, button, name, icon, kindIcon} from './dom.js';
import {t, moment, size, count} from './words.js';
import {model, watch, load} from './model.js';
import {act, empty, note} from './ui.js';
import * as actions from './actions.js';

export function mount(root, first) {
  let shown = '';
  const draw = m => {
    const f = m.folders.get(first.path);
    const held = f && f.held;
    const key = held ? [held.since, held.entries, held.answer, held.why, held.bytes, (held.paths || []).length, f.unkept].join() : 'none';
    if (key === shown) return;
    shown = key;
    if (!held) return swap(root, empty(t('brake_none'), t('brake_none_text')));
    const known = ['vanished', 'emptied', 'incoming'].includes(held.why) ? held.why : 'vanished';
    const paths = held.paths || [];
    const go = (what, words) => act(async () => {
      try {
        await what(f);
      } catch (e) {
        await load().catch(() => {}); // it may be another stop by now
        throw e;
      }
      note(words);
      location.hash = '#/folder/' + encodeURIComponent(f.path);
      load().catch(() => {});
    });
    const one = f.mode !== 'two-way'; // it cannot give back, or be written into
    const back = one ? h('div', {class: 'way'}, h('h3', {}, t('brake_instead')), h('p', {}, t('brake_instead_' + (known === 'incoming' ? 'incoming' : 'here'))), button(t('brake_again'), go(actions.again, t('brake_looks'))))
      : h('div', {class: 'way'}, h('h3', {}, t('brake_undo')), h('p', {}, t('brake_undo_' + known)), button(t('brake_undo'), go(actions.undo, t('brake_undone'))));
    swap(root, h('section', {class: 'box box-bad brake'}, h('h2', {}, icon('bad'), ' ', t('brake_' + known, {n: held.entries, of: count(held.of)})),
      h('p', {}, t((held.passed ? 'brake_passed_' : 'brake_nothing_') + (known === 'incoming' ? 'incoming' : 'here'), {n: held.passed || 0})), h('p', {}, t('brake_safe')),
      h('dl', {class: 'facts wide'}, h('div', {}, h('dt', {}, t('brake_entries')), h('dd', {}, `${count(held.entries)} / ${count(held.of)}`)), h('div', {}, h('dt', {}, t('col_size')), h('dd', {}, size(held.bytes || 0))), h('div', {}, h('dt', {}, t('brake_since')), h('dd', {}, moment(held.since))),
        held.peers?.length && h('div', {}, h('dt', {}, t('brake_peers')), h('dd', {}, held.peers.map((p, i) => [i > 0 && ', ', name(p)])))),
      held.answer ? h('p', {class: 'strong'}, t('brake_answer_' + held.answer)) : h('div', {class: 'ways'},
        back, h('div', {class: 'way'}, h('h3', {}, t('brake_confirm')), h('p', {}, t(f.unkept && known === 'incoming' ? 'brake_confirm_unkept' : 'brake_confirm_' + known)), button(t('brake_confirm'), go(actions.confirm, t('brake_confirmed')))))),
    h('section', {class: 'panel'}, h('h2', {}, t('brake_list')), paths.length < held.entries && h('p', {class: 'muted'}, t('first_of', {n: paths.length, all: count(held.entries)})),
      h('ul', {class: 'plain-list long', tabindex: '0'}, paths.map(p => typeof p === 'string' ? h('li', {}, name(p)) : h('li', {class: 'held-path'}, kindIcon(p.kind), name(p.path, p.raw_path), h('span', {class: 'muted num'}, p.size ? size(p.size) : '')))))); 
  };
  draw(model);
  return watch(draw);
}
