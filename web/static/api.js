// The node's HTTP interface: requests with our half of the session, and the
// stream of what happens.

const tokenKey = 'qsync-token';

// state of the connection, told to whoever sets onchange.
export const line = {live: 'connecting', since: null, version: '', stale: false, onchange() {}};

export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

// out is called when the node does not let us in any more.
let out = () => {};
export function whenOut(f) { out = f; }

function headers(more) {
  const token = localStorage.getItem(tokenKey);
  return token ? {...more, 'X-Qsync-Token': token} : {...more};
}

// seen notes of which version the node is: a page of another one asks to be
// loaded again.
function seen(r) {
  noteVersion(r.headers.get('X-Qsync-Version'));
}

function noteVersion(version) {
  if (!version) return;
  if (line.version && version !== line.version && !line.stale) {
    line.stale = true;
    line.onchange();
  }
  line.version ||= version;
}

async function send(path, options) {
  let r;
  try {
    r = await fetch(path, {cache: 'no-store', credentials: 'same-origin', redirect: 'error', ...options, headers: headers(options.headers)});
  } catch (e) {
    if (e.name === 'AbortError') throw e;
    throw new Refused('', 0); // the node is away; the words are for whoever shows it
  }
  seen(r);
  return r;
}

async function read(r) {
  const body = await r.text();
  let data = null;
  try { data = JSON.parse(body); } catch { /* a sentence */ }
  if (!r.ok) {
    if (r.status === 401 && !r.url.endsWith('/session')) out();
    throw new Refused((data && (data.error || data.missing)) || (data ? '' : body.trim().slice(0, 600)), r.status);
  }
  if (data && data.code) throw Object.assign(new Refused(data.missing || '', 200), {code: data.code, answer: data});
  return data;
}

export async function get(path, signal) {
  return read(await send('/api/v1/' + path, {method: 'GET', signal}));
}

export async function post(path, body, signal) {
  return read(await send('/api/v1/' + path, {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(body ?? {}), signal}));
}

// picture sends an image as it is.
export async function picture(path, file) {
  return read(await send('/api/v1/' + path, {method: 'POST', headers: {'Content-Type': file.type || 'image/png'}, body: file}));
}

// verb asks about one folder, or has something done to it.
export async function verb(what, folder, query, signal) {
  const a = await post('folder/' + what, {folder, query: query ?? {}}, signal);
  return a.answer;
}

export const session = {
  kept() { return Boolean(localStorage.getItem(tokenKey)); },
  async ask() {
    const a = await read(await send('/session', {method: 'GET'}));
    noteVersion(a.version);
    return a;
  },
  async enter(how) {
    const a = await read(await send('/session', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(how)}));
    localStorage.setItem(tokenKey, a.token);
  },
  async leave() {
    try { await send('/session', {method: 'DELETE'}); } finally { localStorage.removeItem(tokenKey); }
  },
};

const silence = 40000; // ms without a sign, where one comes each 15 s
const slowest = 10000;
const unseen = 20000; // ms after which a page that nobody sees lets its stream go

// listen reads the stream for as long as the page lives. take(kind, data) gets
// every message. What cannot be read is asked for again, ever more slowly. A
// browser has six connections for all pages of a node, and each stream takes one:
// a page in the background, or one that was left, gives its stream back.
export function listen(take) {
  let last = '', wait = 0, stopped = false, asleep = false, retry = null, abort = null, timer = 0, nap = 0;
  const set = live => {
    if (line.live === live) return;
    line.since = live === 'live' ? null : line.since || new Date();
    line.live = live;
    line.onchange();
  };
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => abort.abort(), silence);
  };
  const once = async () => {
    abort = new AbortController();
    alive();
    const r = await send('/api/v1/events', {method: 'GET', signal: abort.signal, headers: last ? {'Last-Event-ID': last} : {}});
    if (r.status === 401) {
      stopped = true;
      out();
      return;
    }
    if (!r.ok || !r.body) throw new Refused(await r.text(), r.status);
    const parser = messages((kind, data, id) => {
      if (id) last = id;
      take(kind, data);
    });
    const reader = r.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const {value, done} = await reader.read();
      if (done) break;
      alive();
      wait = 0;
      set('live');
      parser(value);
    }
  };
  const run = async () => {
    while (!stopped) {
      if (asleep) {
        await new Promise(done => { retry = done; });
        continue;
      }
      retry = null;
      try { await once(); } catch { /* away: told by the banner */ }
      clearTimeout(timer);
      if (stopped) return;
      if (asleep) continue;
      set('away');
      wait = Math.min(wait ? wait * 2 : 400, slowest);
      await new Promise(done => {
        retry = done;
        setTimeout(done, wait * (0.75 + Math.random() / 2));
      });
    }
  };
  const rest = () => {
    asleep = true;
    abort?.abort();
  };
  const now = () => {
    clearTimeout(nap);
    if (document.visibilityState === 'hidden') {
      nap = setTimeout(rest, unseen);
      return;
    }
    asleep = false;
    wait = 0;
    retry?.();
  };
  addEventListener('online', now);
  addEventListener('pageshow', now);
  addEventListener('pagehide', rest);
  document.addEventListener('visibilitychange', now);
  run();
  return {stop() {
    stopped = true;
    clearTimeout(nap);
    abort?.abort();
    retry?.();
    removeEventListener('online', now);
    removeEventListener('pageshow', now);
    removeEventListener('pagehide', rest);
    document.removeEventListener('visibilitychange', now);
  }};
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
