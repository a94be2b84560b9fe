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
  const heard = new Map(); // the number of the last message, by the life of the node that it is of
  let last = '', stopped = false, turn = null, reading = false, retry = null, nap = 0, watchdog = 0;

  const tell = m => { if (!stopped) others.postMessage(m); };
  const sign = () => ({live: line.live, since: line.since, why: line.why, page: line.page});
  const set = (live, since, why = null) => {
    if (line.live === live && line.why?.kind === why?.kind && line.why?.text === why?.text) return;
    line.since = live === 'live' ? null : since || line.since || new Date();
    line.live = live;
    line.why = why;
    line.onchange();
  };
  const end = () => {
    stop();
    out();
  };
  // hear passes on what was not heard before: who goes on for another window asks for
  // what that one may have told already.
  const hear = (kind, data, id) => {
    const [life, number] = [id.slice(0, id.lastIndexOf('-')), Number(id.slice(id.lastIndexOf('-') + 1))];
    if (id && kind !== 'reset' && number <= heard.get(life)) return;
    if (id) {
      last = id;
      heard.set(life, number);
    }
    take(kind, data, id);
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
    if (m.kind) hear(m.kind, m.data, m.id || '');
    if (m.live) set(m.live, m.since, m.why);
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
      if (!r.ok) throw Object.assign(new Refused((await r.text()).trim(), r.status), {node: r.headers.has('X-Qsync-Page')});
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
        let why = null;
        try { await once(signal, () => { wait = 0; }); } catch (e) { why = refusal(e); }
        if (signal.aborted) return;
        set(why ? 'refused' : 'away', null, why);
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

// refusal is why the node does not tell what happens, null where it is away: for
// the banner. What says no without being the node is a proxy that does not reach it.
function refusal(e) {
  if (!e.node) return null;
  return {kind: {503: 'many', 403: 'address', 421: 'address'}[e.status] || 'other', text: e.message.slice(0, 600)};
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
