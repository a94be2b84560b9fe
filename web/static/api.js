// The node's HTTP interface: requests with our half of the session.

const tokenKey = 'qsync-token';

// state of the connection, told to whoever sets onchange.
export const line = {live: 'connecting', since: null, why: null, page: '', stale: false, moved: false, onchange() {}};

export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

// out is called when the node does not let us in any more.
export let out = () => {};
export function whenOut(f) { out = f; }

function headers(more) {
  const token = localStorage.getItem(tokenKey);
  return token ? {...more, 'X-Qsync-Token': token} : {...more};
}

// ours is the name of the page that this module is a part of.
const ours = new URL(import.meta.url).pathname.split('/').at(-2);

// notePage takes which page the node has now: an older one asks to be loaded again.
export function notePage(page) {
  if (!page) return;
  line.page = page;
  if (page === ours || line.stale) return;
  line.stale = true;
  line.onchange();
}

// early is the answer to what was asked before this module was there.
async function early(path) {
  const first = self.qsyncEarly[path];
  delete self.qsyncEarly[path];
  return first;
}

export async function send(path, options) {
  let r;
  try {
    r = await early(path) || await fetch(path, {cache: 'no-store', credentials: 'same-origin', redirect: 'error', ...options, headers: headers(options.headers)});
  } catch (e) {
    if (e.name === 'AbortError') throw e;
    throw new Refused('', 0); // the node is away; the words are for whoever shows it
  }
  notePage(r.headers.get('X-Qsync-Page'));
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
    return read(await send('/session', {method: 'GET'}));
  },
  async enter(how) {
    const a = await read(await send('/session', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(how)}));
    localStorage.setItem(tokenKey, a.token);
  },
  async leave() {
    try { await send('/session', {method: 'DELETE'}); } finally { localStorage.removeItem(tokenKey); }
  },
  // leaveAll ends every session; that it failed is to be known, for then all of them hold.
  async leaveAll() {
    await read(await send('/sessions', {method: 'DELETE'}));
    localStorage.removeItem(tokenKey);
  },
};
