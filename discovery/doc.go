// Package discovery finds the other nodes of a folder on the local links, by
// multicast DNS (RFC 6762, RFC 6763). It knows the folders' discovery keys and
// nothing else of qsync. What it finds are addresses to try: whether a holder
// of the folder's ID is there, the handshake of package certs shows.
//
// # What is announced
//
// An instance of _qsync._udp.local with a PTR, an SRV, a TXT and at most one A
// and one AAAA record. Its label and its host name are 12 random base32
// characters each. Readers ignore everything but the TXT record:
//
//	v=1
//	n=   nonce, 16 random bytes
//	a=   addresses with port, canonical, sorted, with commas; at most 200
//	     bytes a string, more of them in a1=, a2= and so on
//	t=   tags of 12 bytes; 8 a string, more of them in t1=, t2= and so on
//
//	tag  = HMAC-SHA256(K_disc, lp("qsync/1 mdns") lp(nonce) lp(addresses))[:12]
//
// lp(x) is x behind its length in 4 bytes, big-endian; addresses is the whole
// list with commas between; bytes are in base64. There is one tag a folder,
// among random ones, so that there are 4, 8, 16 or more, sorted. Strings with
// other keys are of later versions and are skipped; everything else that a
// writer of version 1 does not write makes the record none of ours.
//
// Somebody without the key cannot make an advert, nor tell two adverts of one
// node from those of two nodes, nor test a guess of an ID; he can repeat one, which
// makes others dial the addresses that the real node chose. Label, host name,
// nonce and tags are new at start, whenever an address or a folder changes,
// and every 20 to 40 minutes, and differ between the interfaces and families of
// a node. An advert holds the addresses of the interface that it goes out on and
// of no other, so one network does not learn of another. What stays the same is
// what the packet's own headers show: that there is a qsync, its address and port.
//
// # When
//
// Every node asks at start, when the network changes, and 1, 2, 4 and so on up to 60
// seconds later; later questions are left out when somebody else asks. It
// announces itself unasked, twice, at start and on every change. An answer goes to
// the group, at most once a second, never to an address: nobody can make a node
// send to a third one.
//
// # Sockets
//
// Every interface has its own socket in each family. The client and the server of
// hashicorp/mdns v1.0.7 are not used, its records (MDNSService) are:
//
//   - its client joins the group on the default interface only and fails in IPv4
//     where no route leads to the group: on every network without a router;
//   - its server binds both families at once, hears every interface through each
//     socket, and answers to whatever source address a packet shows, from
//     anywhere, with ten times the bytes;
//   - both read without a bound, at any rate, and go round without a pause when
//     reading fails; the client asks once more for every foreign record it hears;
//   - it neither announces unasked nor tells through which interface something
//     came, which an IPv6 link-local address needs to be dialled.
//
// Adverts reach clients of the library all the same, and the tests hold it to that.
//
// # Bounds
//
// A socket reads at most 2000 packets a second and parses at most 100 of those that
// name the service; the kernel drops the rest, and the next question brings again
// what was lost. Nothing is kept of what was heard. The limits of a packet and an advert
// are constants beside their parsers.
package discovery
