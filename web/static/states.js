// What a folder is like, in words and as one of five levels.

import {t, has, language, ago, size, count, isTime} from './words.js';
import {clean} from './dom.js';

export function label(f) { return f.label || f.path.split(/[\\/]/).filter(Boolean).pop() || f.path; }

export function level(f) {
  if (f.level) return f.level;
  if (f.held || f.state === 'stopped') return 'bad';
  if (f.state === 'paused') return 'paused';
  if (f.state === 'scanning' || f.state === 'syncing') return 'busy';
  return f.peers.some(p => p.connected) ? 'good' : 'waiting';
}

// stateWord is the state in a word or two, by the node's own word where it has one.
export function stateWord(f) {
  return has('word_' + f.word) ? t('word_' + f.word) : t('level_' + level(f));
}

// own is the state in one sentence of the catalogue.
function own(f) {
  const on = f.peers.filter(p => p.connected);
  const synced = on.filter(p => p.in_sync).length;
  if (f.held) return t('s_held', {n: f.held.entries});
  if (f.state === 'stopped') return t('s_stopped');
  if (f.state === 'paused') return t('s_paused');
  if (f.state === 'scanning') return t('s_scanning');
  if (f.want.entries || f.want.bytes) return t(on.length ? 's_getting' : 's_nobody', {n: f.want.entries, size: size(f.want.bytes)});
  if (!f.peers.length) return t('s_alone');
  if (!on.length) return t('s_away', {n: f.peers.length});
  if (synced < on.length) return t('s_sending', {n: on.length - synced});
  return t('s_synced', {n: on.length, all: count(f.peers.length)});
}

// sentences are the state in our words, and what the node says about it where
// that is more: with the cure, in its language.
export function sentences(f) {
  // The node's have commands in them, where the page has buttons.
  if (f.held) return {ours: own(f), theirs: ''};
  if (f.word === 'no peer' && !f.peers.length && !f.reason) return {ours: own(f), theirs: ''};
  const theirs = clean(f.sentence || f.reason || '');
  if (language() === 'en' && f.sentence) return {ours: theirs, theirs: ''};
  const more = ['bad', 'waiting'].includes(level(f)) || f.reason;
  return {ours: own(f), theirs: more ? theirs : ''};
}

export function mode(f) {
  const m = f.mirror && f.mode === 'receive' ? 'mirror' : f.mode;
  return has('mode_' + m) ? t('mode_' + m) : clean(m);
}

// peerState is how a peer is, in a few words.
export function peerState(p) {
  if (p.reason) return clean(p.reason);
  if (!p.connected) return isTime(p.last_seen) ? t('away_since', {ago: ago(p.last_seen)}) : t('never_seen');
  return p.in_sync ? t('in_sync') : t('catching_up');
}

export function transport(p) {
  const x = p.transport;
  if (!p.connected) return '';
  if (!x) return t('local_link');
  const names = {quic: 'QUIC', tcp: 'TCP'};
  return x.content && x.content !== x.link ? `${names[x.link] || x.link} + ${names[x.content] || x.content}` : names[x.link] || x.link;
}

// heldBy sorts peers: those that are here first, by name.
export function sorted(peers) {
  return [...peers].sort((a, b) => (b.connected - a.connected) || (a.connected ? a.name.localeCompare(b.name) : String(b.last_seen).localeCompare(String(a.last_seen))));
}

export function problems(f) { return f.problem_count ?? f.problems?.length ?? 0; }
export function conflicts(f) { return f.conflict_count ?? f.conflicts?.length ?? 0; }

export function folderLink(f, tab) { return '#/folder/' + encodeURIComponent(f.path) + (tab ? '/' + tab : ''); }

// runLinks are where what this run and the last one changed is listed, '' for a run that is not known.
export function runLinks(f) {
  const from = (since, until) => folderLink(f, 'history') + '?' + new URLSearchParams(until ? {since, until} : {since});
  return {
    now: isTime(f.began) ? from(f.began) : '',
    last: f.last && isTime(f.last.ended) ? from(f.last.began, new Date(new Date(f.last.ended).getTime() + 1).toISOString()) : '', // it is told by the millisecond
  };
}
