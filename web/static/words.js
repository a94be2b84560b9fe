// Words in the language of the reader: the catalogue, plurals, numbers, sizes
// and times.

import {texts} from './texts.js';

export const languages = {en: 'English', fr: 'Français'};

let lang = 'en', where = 'en-GB';

export function language() { return lang; }

export function speak(which) {
  lang = which in languages ? which : 'en';
  document.documentElement.lang = lang;
  where = lang === 'en' ? navigator.languages.find(l => l.startsWith('en')) || 'en-GB' : navigator.languages.find(l => l.startsWith(lang)) || lang;
  made.clear();
}

// made are the formats that were needed so far: each takes milliseconds to make.
const made = new Map();

function intl(what, options, key) {
  key ||= what + (options ? JSON.stringify(options) : '');
  if (!made.has(key)) made.set(key, new Intl[what](where, options));
  return made.get(key);
}

export function preferred() {
  const kept = localStorage.getItem('qsync-lang');
  return kept || (navigator.languages.some(l => l.startsWith('fr')) && !navigator.languages[0].startsWith('en') ? 'fr' : 'en');
}

// t is a text of the catalogue. {n} decides about plural forms, and is a number
// as people write it; other parameters go in as they are.
export function t(key, params) {
  const entry = texts[key];
  if (!entry) return key;
  let text = entry[lang === 'fr' ? 1 : 0];
  if (typeof text !== 'string') text = text[intl('PluralRules').select(params.n)] ?? text.other;
  if (!params) return text;
  return text.replace(/\{(\w+)\}/g, (all, k) => k in params ? (typeof params[k] === 'number' ? count(params[k]) : params[k]) : all);
}

export function has(key) { return key in texts; }

// size is a number of bytes for people, in the units that the node's own sentences
// and the command line have, of which Intl knows nothing.
export function size(bytes, per) {
  let i = 0, n = Math.max(0, bytes || 0);
  while (n >= 1024 && i < 5) {
    n /= 1024;
    i++;
  }
  if (i === 0 && !per) return intl('NumberFormat', {style: 'unit', unit: 'byte', unitDisplay: 'long', maximumFractionDigits: 0}).format(n);
  const byte = lang === 'fr' ? 'o' : 'B';
  return intl('NumberFormat', {maximumFractionDigits: i && 1}, 's' + (i && 1)).format(n) + '\u00a0' + (i ? 'KMGTP'[i - 1] + 'i' : '') + byte + (per ? '/s' : '');
}

export function count(n) { return intl('NumberFormat').format(n || 0); }

export function percent(share) {
  return intl('NumberFormat', {style: 'percent', maximumFractionDigits: 0}).format(Math.floor(share * 100) / 100);
}

const none = '0001-01-01T00:00:00Z';

export function isTime(time) { return Boolean(time) && time !== none; }
export function moment(time) { return isTime(time) ? intl('DateTimeFormat', {dateStyle: 'medium', timeStyle: 'short'}).format(new Date(time)) : ''; }
export function second(time) { return intl('DateTimeFormat', {dateStyle: 'medium', timeStyle: 'medium'}).format(new Date(time)); }
export function day(time) { return intl('DateTimeFormat', {dateStyle: 'medium'}).format(new Date(time)); }
export function shortDay(time) { return intl('DateTimeFormat', {day: 'numeric', month: 'short'}).format(new Date(time)); }
export function clock(time) { return intl('DateTimeFormat', {timeStyle: 'medium'}).format(new Date(time)); }

// ago is how long a time is past, or ahead.
export function ago(time) {
  const s = (new Date(time) - Date.now()) / 1000, relative = intl('RelativeTimeFormat', {numeric: 'auto'});
  for (const [unit, n] of [['day', 86400], ['hour', 3600], ['minute', 60]]) {
    if (Math.abs(s) >= n) return relative.format(Math.trunc(s / n), unit);
  }
  return Math.abs(s) < 10 ? t('just_now') : relative.format(Math.trunc(s), 'second');
}

// span is a number of seconds in at most two units.
export function span(seconds) {
  const parts = [];
  let left = Math.max(0, Math.round(seconds));
  for (const [unit, n] of [['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]]) {
    const k = Math.floor(left / n);
    if (k || (unit === 'second' && !parts.length)) {
      parts.push(intl('NumberFormat', {style: 'unit', unit, unitDisplay: 'short'}).format(k));
      left -= k * n;
    }
    if (parts.length === 2 || (unit === 'day' && k > 3)) break;
  }
  return parts.join(' ');
}
