// Package certs says who may talk: the sync ID, the keys derived from it, the
// identity of a device, and the proof that both ends of a connection hold the
// same sync ID. It opens no connection and keeps no state.
//
// # Keys
//
// All keys come from the 32 bytes S of the sync ID by HKDF-SHA256 (RFC 5869).
// Each row needs only what stands above it, so that the holder of R can read
// and not write, and the holder of E can store what it cannot read.
//
//	W       = Extract(salt "qsync/1 root", S)             all of it
//	R       = Expand(W, "qsync/1 reader", 32)             reader token = R || pk_w
//	E       = Expand(R, "qsync/1 storer", 32)             storer token = E || pk_w
//	K_auth  = Expand(E, "qsync/1 auth", 32)               the proof below
//	K_disc  = Expand(E, "qsync/1 discovery", 32)          announcements, choice of the share
//	shareID = Expand(E, "qsync/1 share-id", 16)           a local label, never on the wire
//	K_name  = Expand(R, "qsync/1 name", 32)               names, for peers that cannot read
//	K_data  = Expand(R, "qsync/1 data", 32)               content, for peers that cannot read
//	sk_w    = Ed25519 key of the seed Expand(W, "qsync/1 write-sign", 32); pk_w is its public half
//
// # TLS
//
// TLS 1.3 alone, with a certificate made at start that proves nothing and is
// not verified, no client certificate, no tickets, ALPN "qsync/1" and SNI "q".
// Nothing in the TLS handshake depends on a secret of ours. The handshake
// below binds itself to the TLS session through an exported key (RFC 8446
// section 7.5), which differs on every connection, and is the only authority.
//
//	EKM = TLS-Exporter("EXPERIMENTAL qsync/1 channel", no context, 32)
//
// # Handshake
//
// It runs on the first stream of a connection, which the dialer opens, and
// leaves the stream to the session. lp(x) is x behind its length in 4 bytes.
// Numbers are big-endian.
//
//	K_c   = HKDF-Extract(salt EKM, K_auth)
//	share = HMAC-SHA256(K_disc, lp("qsync/1 share-tag") lp(EKM))[:16]
//	TAG_D = HMAC-SHA256(K_c, lp("qsync/1 dialer") lp(HELLO_D))
//	TAG_L = HMAC-SHA256(K_c, lp("qsync/1 listener") lp(HELLO_D) lp(TAG_D) lp(HELLO_L))
//
//	dialer   -> HELLO_D TAG_D            92 bytes
//	listener -> HELLO_L TAG_L IDENT_L    only after TAG_D was right
//	dialer   -> IDENT_D                  only after TAG_L was right
//
//	HELLO    60 bytes  "QSYN", lowest and highest version (2+2), flags (4),
//	                   nonce (32), share (16, zeros in the listener's)
//	IDENT    2 bytes of length, at most 4096, then
//	         node ID (16), epoch of the node's run (8), device key (32),
//	         device signature (64), capabilities (4),
//	         1 and the write signature (64), or 0 alone,
//	         length of the name (1) and the name (at most 64, printable UTF-8),
//	         fields of later versions, skipped
//
//	device signature = Ed25519(device key, lp("qsync/1 device") lp(role) lp(TAG_D) lp(TAG_L))
//	write signature  = Ed25519(sk_w, lp("qsync/1 write") lp(role) lp(TAG_D) lp(TAG_L))
//	role             = "dialer" or "listener", of the signer
//
// The listener chooses the highest common version and says so with lowest and
// highest alike. Without one it sends HELLO_L with its own range, TAG_L, and
// nothing more: both sides then know, and nobody else can make them believe it.
// Flags are zero in version 1 and ignored by its readers, but covered by the tags.
//
// Every refusal before TAG_D was found right looks the same from outside,
// whether the share is unknown, the tag wrong or the HELLO malformed: no byte
// of answer, and one fixed delay before [Verify] returns.
package certs
