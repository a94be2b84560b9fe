// What a person can do to folders.

import {post, verb} from './api.js';
import {load} from './model.js';
import {t} from './words.js';
import {within} from './dom.js';
import {sure, note} from './ui.js';
import {label} from './states.js';

export const sync = f => post('sync', {folder: f ? f.path : ''});

export async function pause(f) {
  await post(f.state === 'paused' ? 'resume' : 'pause', {folder: f.path});
}

export const pauseAll = () => post('pause', {folder: ''});
export const resumeAll = () => post('resume', {folder: ''});

export async function forget(f) {
  const yes = await sure({title: t('forget_title', {name: within(label(f))}), text: [t('forget_text'), t('forget_keeps')], yes: t('forget'), danger: true});
  if (!yes) return false;
  await post('forget', {folder: f.path});
  note(t('forgotten', {name: within(label(f))}));
  location.hash = '#/';
  await load();
  return false;
}

// confirm lets through what the brake holds, undo brings it back; then the
// folder goes on.
export async function confirm(f) {
  const held = await verb('confirm', f.path, {seen: seen(f)});
  await post('apply', {folder: f.path, resume: true, answered: true});
  return held;
}

export async function undo(f) {
  const done = await verb('undo', f.path, {held: true, seen: seen(f), Batch: 0, Dry: false});
  await post('apply', {folder: f.path, resume: true, answered: true});
  return done;
}

// again has a stopped folder look again, for what the brake stopped was put right
// elsewhere. If it was not, the brake stops it anew.
export const again = f => post('apply', {folder: f.path, resume: true, answered: true});

// seen is the stop that is on the screen: an answer is about no other one.
const seen = f => ({since: f.held.since, entries: f.held.entries});
