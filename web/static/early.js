// What need not wait for the modules: the colours, before anything is drawn, and
// the first questions to the node, which are on their way while they are read: to be let
// in, where there is a ticket, and how all of it is.
(() => {
  const theme = localStorage.getItem('qsync-theme'), token = localStorage.getItem('qsync-token'), ticket = /^#ticket=(.+)$/.exec(location.hash);
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  const ask = (path, options) => fetch(path, {cache: 'no-store', credentials: 'same-origin', redirect: 'error', ...options});
  const overview = token => ask('/api/v1/overview', {headers: {'X-Qsync-Token': token}});
  const first = self.qsyncEarly = {};
  if (ticket) {
    const entered = ask('/session', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({ticket: decodeURIComponent(ticket[1])})});
    first['/session'] = entered.catch(() => null);
    first['/api/v1/overview'] = entered.then(r => r.ok ? r.clone().json() : null).then(a => a && overview(a.token)).catch(() => null);
  } else if (token) {
    first['/api/v1/overview'] = overview(token).catch(() => null);
  }
})();
