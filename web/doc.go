// Package web is the window: the page of a node, and the HTTP interface for
// scripts and health checks. It sees the node as [Node] and as one handler that
// answers its API; it knows neither folders nor maps, and decides one thing
// only: who is let in.
//
//	GET    /                 the page, from files in the program
//	GET    /health           200 if all is well or paused on purpose, else 503 (with ?strict also for one path); for everybody
//	GET    /metrics          for Prometheus
//	GET    /session          {"password", "in", "version"}: how one is let in
//	POST   /session          {"ticket"} or {"password"}: sets the cookie, gives {"token"}
//	DELETE /session          ends it
//	DELETE /sessions         ends all
//	GET    /openapi.json     what there is below /api/v1
//	GET    /api/v1/events    what happens, as server-sent events, see [Server.Publish]
//	       /api/v1/...       the API
//
// # Who is let in
//
// On a loopback address a request needs one of two things:
//
//   - a session, which is a cookie (HttpOnly, SameSite=Strict) and the token that
//     belongs to it in the header X-Qsync-Token. The cookie alone is not enough,
//     for a browser gives it to every port of this host; the token alone is not,
//     for a script of the page can read it. A ticket begins a session: 'qsync open'
//     has one made over the control socket, it can be used once, within a minute,
//     and stands in the fragment of an address, which no request carries.
//   - Authorization: Bearer with the secret of the home (web.token, readable by its
//     user alone), for scripts.
//
// Elsewhere [Server.Serve] wants TLS and a password (argon2id, RFC 9106); attempts of
// one address are taken one at a time, and slower each time one fails, and all addresses
// together are slowed down a little. A browser that was let in before is known by a cookie
// of its own, which lets nobody in: it has its own turn, whatever others guess.
//
// Sessions hold for 30 days and across restarts: the cookie is an identifier and
// its end, under a MAC with a key that is made of the secret and of a generation. One
// that is ended is remembered until the node ends; another generation or a new secret
// ends all. What is open for a session, the stream of events, ends with it.
//
// # What else is checked
//
// The Host header must be an address, localhost, or a name that the configuration
// gives: a foreign name that was made to point here (DNS rebinding) is refused.
// Requests that change something must come from our own origin. Bodies, headers,
// connections and streams are bounded, and each part of an answer has to be read in time; of the connections from elsewhere one address
// has half at most. The page may load and ask nothing but this
// origin, has no inline script or style, and may not be framed.
package web
