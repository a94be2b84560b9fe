package peer

import (
	"context"
	"errors"
	"fmt"
	"net"

	"qsync/certs"
)

// Probed is who answered a probe.
type Probed struct {
	Address string
	Name    string // untrusted; "" of a node that does not hold the ID
	Node    string // its node ID, "" likewise
}

// Probe finds out whether a node answers at HOST[:PORT] and holds the keys: a
// whole handshake from a socket and with a device of its own, as a dry run makes
// it, which leaves no trace there. Where the name has several addresses the
// first that answers counts. Errors to branch on: certs.ErrWrongID (a node
// answers and does not hold them, which looks the same as not serving them),
// certs.ErrVersion, *net.DNSError, and context.DeadlineExceeded of ctx; of
// everything else nobody answered.
func Probe(ctx context.Context, remote string, keys certs.Keys) (Probed, error) {
	addrs, err := resolve(ctx, remote)
	if err != nil {
		return Probed{}, fmt.Errorf("peer: %w", err)
	}
	device, err := certs.NewDevice()
	if err != nil {
		return Probed{}, fmt.Errorf("peer: %w", err)
	}
	conn, err := net.ListenPacket("udp", ":0")
	if err != nil {
		return Probed{}, fmt.Errorf("peer: %w", err)
	}
	run := randomRun()
	t, err := newTransport(conn, transportConfig{
		Device: device, TCP: DialTCP(),
		Ident:  func() certs.Ident { return certs.Ident{Name: "qsync doctor", Epoch: run, Caps: capObserver} },
		Shares: func() []certs.Keys { return nil },
	})
	if err != nil {
		return Probed{}, fmt.Errorf("peer: %w", err)
	}
	defer t.close()
	var errs []error
	for _, a := range addrs {
		l, err := probeOne(ctx, t, a, keys)
		if err == nil {
			_ = l.Close(CodeShutdown, "")
			return Probed{Address: a.String(), Name: l.Ident.Name, Node: l.Ident.Node.String()}, nil
		}
		errs = append(errs, err)
		if errors.Is(err, certs.ErrWrongID) || errors.Is(err, certs.ErrVersion) {
			return Probed{Address: a.String()}, fmt.Errorf("peer: %w", err)
		}
	}
	return Probed{}, fmt.Errorf("peer: %w", errors.Join(errs...))
}

func probeOne(ctx context.Context, t *transport, a *net.UDPAddr, keys certs.Keys) (*authLink, error) {
	ctx, cancel := context.WithTimeout(ctx, dialWait)
	defer cancel()
	return t.dial(ctx, a, keys)
}
