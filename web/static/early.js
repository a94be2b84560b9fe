// What need not wait for the modules: the colours, before anything is drawn, and
// the first question to the node, which is on its way while they are read.
(() => {
  const theme = localStorage.getItem('qsync-theme'), token = localStorage.getItem('qsync-token');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  if (!token || location.hash.startsWith('#ticket=')) return;
  self.qsyncEarly = fetch('/api/v1/overview', {cache: 'no-store', credentials: 'same-origin', redirect: 'error', headers: {'X-Qsync-Token': token}}).catch(() => null);
})();
