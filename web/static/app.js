// The page begins here: being let in, the frame around the views, and which
// view is shown. Views are loaded when somebody goes there.

import {h, swap, button, icon, text, show, setName, attr, reveal, clean} from './dom.js';
import {t, speak, preferred, language, languages, ago} from './words.js';
import {session, line, whenOut, Refused} from './api.js';
import {listen} from './stream.js';
import {model, take, watch, load} from './model.js';
import * as overview from './overview.js';
import {sentence, failed, loading, say, unsaved, past} from './ui.js';

const main = document.getElementById('main');
const views = {
  '': () => overview, folder: () => import('./folder.js'), map: () => import('./map.js'),
  profiles: () => import('./profiles.js'), settings: () => import('./node.js'),
};

// Looks.

const themes = ['auto', 'light', 'dark'];
function theme() { return themes.includes(localStorage.getItem('qsync-theme')) ? localStorage.getItem('qsync-theme') : 'auto'; }
function dress() { attr(document.documentElement, 'data-theme', theme() === 'auto' ? null : theme()); }

function looks() {
  const themeButton = h('button', {type: 'button', class: 'button plain', onclick() {
    localStorage.setItem('qsync-theme', themes[(themes.indexOf(theme()) + 1) % themes.length]);
    dress();
    told();
    say(t('theme_' + theme()));
  }}, icon('theme'), h('span', {class: 'wide-only'}));
  const told = () => {
    text(themeButton.lastChild, t('theme_' + theme()));
    attr(themeButton, 'aria-label', t('theme_is', {theme: t('theme_' + theme())}));
    attr(themeButton, 'title', t('theme_is', {theme: t('theme_' + theme())}));
  };
  told();
  const other = Object.keys(languages).find(l => l !== language());
  const tongue = h('button', {type: 'button', class: 'button plain', lang: other, title: languages[other], onclick() {
    localStorage.setItem('qsync-lang', other);
    speak(other);
    frame();
    route();
  }}, h('span', {class: 'wide-only'}, languages[other]), h('span', {class: 'narrow-only'}, other.toUpperCase()));
  return [tongue, themeButton];
}

// The frame.

const nodeName = h('bdi', {class: 'name node-name'});

function frame() {
  text(document.getElementById('skip'), t('skip'));
  const items = [['', 'folders'], ['map', 'map'], ['profiles', 'profiles'], ['settings', 'settings']];
  swap(document.getElementById('top'),
    h('div', {class: 'top-inner'},
      h('a', {class: 'brand', href: '#/'}, h('img', {src: 'icon.svg', alt: '', width: 28, height: 28}), h('span', {class: 'brand-name'}, 'qsync'), nodeName),
      inside && h('nav', {'aria-label': t('nav')}, items.map(([to, key]) => h('a', {href: '#/' + to, 'data-to': to}, t(key)))),
      h('div', {class: 'looks'}, looks())));
  sized.disconnect();
  const nav = document.querySelector('.top nav');
  if (nav) sized.observe(nav);
  mark();
  banners();
}
const sized = new ResizeObserver(all => { for (const x of all) reveal(x.target); });

function mark() {
  const here = parts()[0] === 'folder' ? '' : parts()[0];
  for (const a of document.querySelectorAll('nav a[data-to]')) attr(a, 'aria-current', a.dataset.to === here ? 'page' : null);
  const nav = document.querySelector('.top nav');
  if (nav) reveal(nav);
}

// banners say what is true of the whole page: the node is away, or is another
// version by now.
const away = h('div', {class: 'banner banner-bad', role: 'status'}, icon('away'), h('p', {}));
const stale = h('div', {class: 'banner', role: 'status'}, icon('busy'), h('p', {}), button('', () => location.reload(), {class: 'button main'}));
const config = h('div', {class: 'banner banner-bad', role: 'status'}, icon('bad'), h('p', {lang: 'en'}));
document.getElementById('banners').append(away, stale, config);

let minute = 0;
function banners() {
  const gone = inside && !line.moved && (line.live === 'away' || line.live === 'refused');
  show(away, gone);
  show(stale, line.stale);
  show(config, inside && Boolean(model.node?.config));
  if (gone) text(away.lastChild, line.why ? [t('refused_' + line.why.kind), line.why.kind !== 'many' && clean(line.why.text), t('refused_old', {ago: ago(line.since)})].filter(Boolean).join(' ') : t('node_away', {ago: ago(line.since)}));
  text(stale.children[1], t('stale'));
  text(stale.lastChild, t('reload'));
  if (model.node?.config) text(config.lastChild, t('config_bad') + ' ' + model.node.config);
  clearTimeout(minute);
  if (gone) minute = setTimeout(banners, 15000);
  attr(document.body, 'data-away', gone && !line.why ? 'yes' : null);
}
line.onchange = () => {
  banners();
  if (line.live === 'away') say(t('node_away_now'));
  if (line.live === 'refused') say(t('refused_' + line.why.kind));
};

watch(m => {
  if (m.node) setName(nodeName, m.node.name);
  banners();
});

// Which view.

function parts() {
  const [path] = location.hash.replace(/^#\/?/, '').split('?');
  return path.split('/').map(x => { try { return decodeURIComponent(x); } catch { return x; } });
}

function query() { return new URLSearchParams(location.hash.split('?')[1] || ''); }

let leave = null, turn = 0, shown = '';

async function route() {
  if (!inside) return;
  if (unsaved.ask && location.hash !== shown) {
    const to = location.hash;
    if (!(await unsaved.ask())) {
      history.replaceState(null, '', shown || '#/');
      return;
    }
    unsaved.ask = null;
    if (location.hash !== to) location.hash = to;
  }
  const mine = ++turn;
  const [which, ...rest] = parts();
  const moved = shown !== location.hash;
  past();
  shown = location.hash;
  mark();
  try {
    const view = await (views[which] || views[''])();
    if (mine !== turn) return;
    leave?.();
    leave = null;
    const root = h('div', {class: 'view view-' + (which || 'overview')}, loading());
    swap(main, root);
    const end = await view.mount(root, rest, query());
    if (mine !== turn) return end?.();
    leave = end;
    const title = main.querySelector('h1');
    document.title = (title ? title.textContent + ' · ' : '') + 'qsync';
    if (moved && routed) {
      scrollTo(0, 0);
      title?.focus({preventScroll: true});
    }
    routed = true;
  } catch (e) {
    if (e instanceof TypeError) await session.ask().catch(() => {}); // a part that is not there is one of another version: the answer says so
    if (mine !== turn) return;
    swap(main, h('h1', {tabindex: '-1'}, t('went_wrong')), line.stale ? h('div', {class: 'box box-bad', role: 'alert'}, icon('bad'), h('p', {}, t('stale')), button(t('reload'), () => location.reload(), {class: 'button main'})) : failed(e, route));
  }
}
let routed = false;

// Being let in.

let inside = false, stream = null;

async function door(asked, why) {
  inside = false;
  stream?.stop();
  stream = null;
  leave?.();
  leave = null;
  frame();
  const password = asked?.password && h('form', {class: 'door-form', async onsubmit(e) {
    e.preventDefault();
    const field = e.target.elements.password;
    try {
      await session.enter({password: field.value});
      enter();
    } catch (err) {
      text(problem, sentence(err));
      field.select();
    }
  }}, h('label', {for: 'password'}, t('password')), h('input', {type: 'password', id: 'password', name: 'password', autocomplete: 'current-password', required: true}), h('button', {class: 'button main'}, t('enter')));
  const problem = h('p', {class: 'problem', role: 'alert'}, why ? sentence(why) : '');
  swap(main, h('section', {class: 'door'}, h('h1', {tabindex: '-1'}, t('door')), problem, h('p', {}, t('door_text')), h('pre', {class: 'command'}, 'qsync open'), password,
    button(t('try_again'), () => start())));
  document.title = t('door') + ' · qsync';
}

whenOut(() => {
  const why = new Refused(t('session_over'), 401);
  if (inside) session.ask().then(a => door(a, why), () => door(null, why));
});

function enter() {
  inside = true;
  frame();
  stream?.stop();
  stream = listen(take);
  load().catch(() => {});
  route();
}

async function start() {
  let why = null;
  const ticket = /^#ticket=(.+)$/.exec(location.hash);
  if (ticket) {
    history.replaceState(null, '', location.pathname + '#/');
    try {
      await session.enter({ticket: decodeURIComponent(ticket[1])});
      return enter();
    } catch (e) { why = e; }
  }
  if (!why && session.kept()) return enter(); // whoever is not let in any more hears of it by the first answer
  try {
    const asked = await session.ask();
    if (asked.in) return enter();
    return door(asked, why);
  } catch (e) {
    swap(main, h('h1', {tabindex: '-1'}, t('node_gone')), failed(e, start));
    setTimeout(() => { if (!inside && main.querySelector('.box-bad')) start(); }, 3000);
  }
}

dress();
speak(preferred());
frame();
addEventListener('hashchange', () => { if (/^#ticket=/.test(location.hash)) start(); else route(); });
document.getElementById('skip').addEventListener('click', e => { // the part after # says which view it is
  e.preventDefault();
  main.focus();
  main.scrollIntoView();
});
addEventListener('storage', e => { if (e.key === 'qsync-theme') dress(); });
start();
