// What need not wait for the modules: the colours, before anything is drawn, and
// the first questions to the node, which are on their way while they are read: to be let
// in, where there is a ticket, and how all of it is.
(() => {
  const theme = localStorage.getItem('qsync-theme'), token = localStorage.getItem('qsync-token'), ticket = /^#ticket=(.+)$/.exec(location.hash);
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  // An answer is read as soon as it is there: the modules then wait for nothing.
  const ask = (path, options) => fetch(path, {cache: 'no-store', credentials: 'same-origin', redirect: 'error', ...options})
    .then(async r => answer(r, await r.text())).catch(() => null);
  const answer = ({ok, status, url, headers}, body) => ({ok, status, url, headers, text: () => body});
  const first = self.qsyncEarly = {};
  if (ticket) {
    const entered = ask('/session', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({ticket: decodeURIComponent(ticket[1]), overview: true})});
    first['/session'] = entered;
    first['/api/v1/overview'] = entered.then(r => {
      const all = r?.ok && JSON.parse(r.text()).overview;
      return all ? answer(r, JSON.stringify(all)) : null;
    });
  } else if (token) {
    first['/api/v1/overview'] = ask('/api/v1/overview', {headers: {'X-Qsync-Token': token}});
  }
})();
