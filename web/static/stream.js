// The stream of what happens, which all windows of a browser share: one of them
// reads it, and tells the others. A browser has six connections to a node for all
// its windows, and each stream takes one.

import {line, send, out, notePage, Refused} from './api.js';

const silence = 40000; // ms without a sign, where one comes each 15 s
const slowest = 10000; // ms from one attempt to the next
const unseen = 20000; // ms after which a page that nobody sees leaves the stream to others
const lost = 100000; // ms without a word of the window that reads: it hangs
const title = 'qsync-stream';

// listen has take(kind, data) called with every message, for as long as the page
// lives. Whoever has the lock reads. What cannot be read is asked for again, ever
// more slowly. Where a window goes on for another it asks for what came after the
// last that all have heard.
export function listen(take) {
  const others = new BroadcastChannel(title);
  let last = '', stopped = false, turn = null, reading = false, retry = null, nap = 0, watchdog = 0;

  const tell = m => { if (!stopped) others.postMessage(m); };
  const sign = () => ({live: line.live, since: line.since, page: line.page});
  const set = (live, since) => {
    if (line.live === live) return;
    line.since = live === 'live' ? null : since || line.since || new Date();
    line.live = live;
    line.onchange();
  };
  const end = () => {
    stop();
    out();
  };
  const hear = (kind, data, id) => {
    if (id && id === last && kind !== 'reset') return;
    if (id) last = id;
    take(kind, data);
  };
  // watched waits for a sign of whoever reads.
  const watched = () => {
    clearTimeout(watchdog);
    if (turn && !reading) watchdog = setTimeout(() => begin(true), lost);
  };
  others.onmessage = ({data: m}) => {
    if (stopped) return;
    if (m.asks) {
      if (reading) tell(sign());
      return;
    }
    watched();
    if (m.out) return end();
    if (m.kind) hear(m.kind, m.data, m.id);
    if (m.live) set(m.live, m.since);
    notePage(m.page);
  };

  // once reads one stream to its end.
  async function once(signal, good) {
    const silent = new AbortController();
    let timer = 0, told = 0;
    const alive = () => {
      clearTimeout(timer);
      timer = setTimeout(() => silent.abort(), silence);
      if (line.live === 'live' && Date.now() - told < silence / 4) return;
      set('live');
      told = Date.now();
      tell(sign());
    };
    timer = setTimeout(() => silent.abort(), silence);
    try {
      const r = await send('/api/v1/events', {method: 'GET', signal: AbortSignal.any([signal, silent.signal]), headers: last ? {'Last-Event-ID': last} : {}});
      if (r.status === 401) {
        tell({out: true});
        end();
        return;
      }
      if (!r.ok || !r.body) throw new Refused(await r.text(), r.status);
      const parser = messages((kind, data, id) => {
        hear(kind, data, id);
        tell({kind, data, id});
      });
      const reader = r.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const {value, done} = await reader.read();
        if (done) break;
        alive();
        good();
        parser(value);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  // read reads as long as it is our turn.
  async function read(signal) {
    let wait = 0;
    if (signal.aborted) return;
    reading = true;
    clearTimeout(watchdog);
    try {
      while (!signal.aborted) {
        try { await once(signal, () => { wait = 0; }); } catch { /* away: told by the banner */ }
        if (signal.aborted) return;
        set('away');
        tell(sign());
        wait = Math.min(wait ? wait * 2 : 400, slowest);
        await new Promise(done => {
          retry = () => { wait = 0; done(); };
          signal.addEventListener('abort', done, {once: true});
          setTimeout(done, wait * (0.75 + Math.random() / 2));
        });
        retry = null;
      }
    } finally {
      reading = false;
    }
  }

  async function begin(steal) {
    turn?.abort();
    const mine = turn = new AbortController();
    watched();
    tell({asks: true});
    try {
      if (navigator.locks) await navigator.locks.request(title, steal ? {steal: true} : {signal: mine.signal}, () => read(mine.signal));
      else await read(mine.signal);
    } catch { /* given back while we waited, or another window took it, for we hung */ }
    if (turn !== mine || mine.signal.aborted) return;
    begin();
  }

  const rest = () => {
    clearTimeout(watchdog);
    turn?.abort();
    turn = null;
  };
  const now = () => {
    clearTimeout(nap);
    if (document.visibilityState === 'hidden') nap = setTimeout(rest, unseen);
    else if (!turn) begin();
    else retry?.();
  };
  const events = [[window, 'online', now], [window, 'pageshow', now], [window, 'pagehide', rest], [document, 'visibilitychange', now]];
  for (const [where, what, f] of events) where.addEventListener(what, f);

  function stop() {
    if (stopped) return;
    stopped = true;
    clearTimeout(nap);
    rest();
    others.close();
    for (const [where, what, f] of events) where.removeEventListener(what, f);
  }
  begin();
  return {stop};
}

// messages is a parser of text/event-stream that takes it piece by piece.
export function messages(take) {
  let rest = '', kind = '', id = '', data = [];
  return piece => {
    rest += piece;
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    for (const l of lines) {
      if (l === '') {
        if (data.length) {
          let value = null;
          try { value = JSON.parse(data.join('\n')); } catch { /* not ours */ }
          if (value !== null) take(kind || 'message', value, id);
        }
        kind = ''; id = ''; data = [];
        continue;
      }
      const at = l.indexOf(':');
      if (at === 0) continue;
      const key = at < 0 ? l : l.slice(0, at);
      const value = at < 0 ? '' : l.slice(at + 1).replace(/^ /, '');
      if (key === 'event') kind = value;
      else if (key === 'id') id = value;
      else if (key === 'data') data.push(value);
    }
  };
}
