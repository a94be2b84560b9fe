// Charts of the days, drawn from rectangles, each with its numbers as a table.

import {h, svg, button} from './dom.js';
import {t, count, size, day, shortDay} from './words.js';

// narrow is a window that holds smaller charts.
export const narrow = matchMedia('(max-width: 46rem)');
const small = () => narrow.matches;
const most = () => small() ? 21 : 42; // days

const sum = (d, k) => (d.here[k] || 0) + (d.sync[k] || 0);

export function charts(days, pick) {
  const shown = days.slice(0, most()).reverse();
  if (!shown.length) return [];
  const changes = [
    {key: 'added', of: d => sum(d, 'added')}, {key: 'modified', of: d => sum(d, 'modified')}, {key: 'deleted', of: d => sum(d, 'deleted_files') + sum(d, 'deleted_dirs')},
  ];
  const bytes = [{key: 'by_sync', of: d => d.sync.bytes || 0}, {key: 'by_here', of: d => d.here.bytes || 0}];
  return [
    chart(t('chart_changes'), shown, changes, count, pick, [
      {key: 'added_files', of: d => count(sum(d, 'added') - sum(d, 'added_dirs'))}, {key: 'added_dirs', of: d => count(sum(d, 'added_dirs'))},
      {key: 'modified_files', of: d => count(sum(d, 'modified') - sum(d, 'modified_dirs'))}, {key: 'modified_dirs', of: d => count(sum(d, 'modified_dirs'))}, {key: 'deleted_files', of: d => count(sum(d, 'deleted_files'))}, {key: 'deleted_dirs', of: d => count(sum(d, 'deleted_dirs'))},
    ]),
    chart(t('chart_bytes'), shown, bytes, n => size(n), pick, bytes.map(s => ({key: s.key, of: d => size(s.of(d))}))),
  ];
}

const at = d => { const [y, m, x] = d.split('-').map(Number); return new Date(y, m - 1, x); };

// nice is a round number above n, by which a scale ends; of bytes it is round in the
// unit that they are told in.
function nice(n, bytes) {
  const unit = bytes ? 1024 ** Math.floor(Math.log(Math.max(n, 1)) / Math.log(1024)) : 1;
  const p = 10 ** Math.floor(Math.log10(Math.max(n / unit, 1)));
  return [1, 2, 5, 10].map(k => k * p).find(k => k * unit >= n) * unit;
}

function chart(title, days, series, words, pick, columns) {
  const w = small() ? 300 : 560, hgt = 170, left = 72, top = 8, foot = 22;
  const total = d => series.reduce((n, s) => n + s.of(d), 0);
  const high = nice(Math.max(...days.map(total)), words !== count);
  const step = Math.min((w - left) / days.length, 40), scale = (hgt - top - foot) / high;
  const marks = [];
  for (const share of high > 1 ? [0, 0.5, 1] : [0, 1]) {
    const y = top + (1 - share) * high * scale;
    marks.push(svg('line', {x1: left, x2: w, y1: y, y2: y, class: 'grid-line'}), svg('text', {x: left - 6, y: y + 4, 'text-anchor': 'end', class: 'axis'}, words(share * high)));
  }
  days.forEach((d, i) => {
    const g = svg('g', {class: 'day'}, svg('title', {}, [day(at(d.day)), ...series.map(s => `${t('ch_' + s.key)}: ${words(s.of(d))}`)].join('\n')),
      svg('rect', {x: left + i * step, y: top, width: step, height: hgt - top - foot, class: 'hit'}));
    let y = hgt - foot;
    series.forEach((s, k) => {
      const height = s.of(d) * scale;
      if (!height) return;
      y -= height;
      g.append(svg('rect', {x: (left + i * step + step * 0.12).toFixed(2), y: y.toFixed(2), width: (step * 0.76).toFixed(2), height: height.toFixed(2), class: 'fill-' + k}));
    });
    g.addEventListener('click', () => pick(d.day));
    marks.push(g);
    const every = Math.ceil(days.length / (small() ? 4 : 7));
    if ((days.length - 1 - i) % every === 0) marks.push(svg('text', i === days.length - 1 && days.length > 7 ? {x: w, y: hgt - 6, 'text-anchor': 'end', class: 'axis'} : {x: left + (i + 0.5) * step, y: hgt - 6, 'text-anchor': 'middle', class: 'axis'}, shortDay(at(d.day))));
  });
  const label = t('chart_label', {title, from: day(at(days[0].day)), to: day(at(days.at(-1).day))});
  return h('figure', {class: 'panel chart'}, h('figcaption', {}, h('h2', {}, title)),
    svg('svg', {viewBox: `0 0 ${w} ${hgt}`, role: 'img', 'aria-label': label}, marks),
    h('ul', {class: 'legend'}, series.map((s, k) => h('li', {}, svg('svg', {viewBox: '0 0 10 10', class: 'swatch', 'aria-hidden': 'true'}, svg('rect', {width: 10, height: 10, rx: 2, class: 'fill-' + k})), t('ch_' + s.key)))),
    h('details', {class: 'fold'}, h('summary', {}, t('as_table')), h('div', {class: 'scroll', tabindex: '0', role: 'group', 'aria-label': title}, h('table', {}, h('caption', {class: 'quiet'}, title),
      h('thead', {}, h('tr', {}, h('th', {scope: 'col'}, t('by_day')), columns.map(c => h('th', {scope: 'col', class: 'num'}, t('ch_' + c.key))))),
      h('tbody', {}, [...days].reverse().map(d => h('tr', {}, h('th', {scope: 'row'}, button(day(at(d.day)), () => pick(d.day), {class: 'button slim plain'})), columns.map(c => h('td', {class: 'num'}, c.of(d))))))))));
}
