package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"qsync/certs"
)

// DefaultPort is where nodes listen unless told otherwise.
const DefaultPort = 2121

// Dialling: how long one attempt may take, and how long to wait between them.
const (
	dialWait = 5 * time.Second
	dialMin  = 250 * time.Millisecond
	dialMax  = 5 * time.Second // and a session that ends sooner had a reason that will still be there
	quietGap = time.Minute     // between two lines about the same unreachable remote

	// refusedFor is how long all remotes must have refused our ID before that is
	// believed: a node that is ending, has not opened the folder yet, or was too
	// busy to hear our proof in time says the same.
	refusedFor = 1500 * time.Millisecond
)

// dialLoop keeps trying one remote whenever no session with it is there.
func (f *Folder) dialLoop(ctx context.Context, remote string) error {
	wait, said := dialMin, time.Time{}
	for ctx.Err() == nil {
		began := time.Now()
		s, err := f.dialOnce(ctx, remote)
		if s != nil {
			f.remoteResult(remote, nil)
			f.awaitEnd(ctx, s)
			if time.Since(began) > dialMax {
				wait = dialMin
			}
		}
		if ctx.Err() != nil || f.Err() != nil {
			return nil
		}
		if err != nil {
			f.remoteResult(remote, err)
			if time.Since(said) > quietGap {
				f.node.cfg.Log.Warn("cannot reach the peer yet; trying again until it is there", "remote", remote, "error", err)
				said = time.Now()
			}
		}
		moved, ok := f.pause(ctx, wait)
		if !ok {
			return nil
		}
		wait = min(2*wait, dialMax)
		if moved {
			wait = dialMin
		}
	}
	return nil
}

// awaitEnd blocks while there is a session with the peer of s, be it s or one
// that took its place: the peer may have dialled us as well, or be known under
// several addresses.
func (f *Folder) awaitEnd(ctx context.Context, s *session) {
	for s != nil {
		select {
		case <-s.ended:
		case <-ctx.Done():
			return
		}
		f.mu.Lock()
		s = f.sessions[s.id]
		f.mu.Unlock()
	}
}

// remoteResult keeps what came of dialling a remote. When every remote refuses
// our sync ID, for a while, and nobody was ever met, going on would be pointless.
// One that was met before may be paused.
func (f *Folder) remoteResult(remote string, err error) {
	f.mu.Lock()
	f.wrong[remote] = err
	hopeless := !f.met && len(f.store.Peers()) == 0 && len(f.wrong) == len(f.cfg.Remotes)
	for _, e := range f.wrong {
		hopeless = hopeless && errors.Is(e, certs.ErrWrongID)
	}
	switch {
	case !hopeless:
		f.refusedAt = time.Time{}
	case f.refusedAt.IsZero():
		f.refusedAt, hopeless = time.Now(), false
	default:
		hopeless = time.Since(f.refusedAt) >= refusedFor
	}
	f.mu.Unlock()
	f.changed()
	if hopeless {
		f.stop(fmt.Errorf("%w: %s; compare the IDs (qsync id show on both sides), and see that the folder is being shared there", ErrWrongID, strings.Join(f.cfg.Remotes, ", ")))
	}
}

// dialOnce tries every address of a remote in turn and returns the session with
// the peer found there, which may be an older one.
func (f *Folder) dialOnce(ctx context.Context, remote string) (*session, error) {
	addrs, err := resolve(ctx, remote)
	if err != nil {
		return nil, err
	}
	f.candidates.types(remote, resolved(addrs))
	var errs []error
	for _, a := range addrs {
		s, err := f.dial(ctx, a)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		return s, nil
	}
	return nil, errors.Join(errs...)
}

// SplitRemote takes HOST[:PORT] apart: a name, an IPv4 or an IPv6 address with
// or without brackets.
func SplitRemote(remote string) (host string, port int, err error) {
	host, service, err := net.SplitHostPort(remote)
	if err != nil {
		host, service = strings.Trim(remote, "[]"), strconv.Itoa(DefaultPort)
	}
	port, err = strconv.Atoi(service)
	if err != nil || port < 1 || port > 65535 || host == "" {
		return "", 0, fmt.Errorf("%q is no HOST or HOST:PORT", remote)
	}
	return host, port, nil
}

func resolve(ctx context.Context, remote string) ([]*net.UDPAddr, error) {
	host, port, err := SplitRemote(remote)
	if err != nil {
		return nil, err
	}
	ips, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil {
		return nil, err
	}
	var out []*net.UDPAddr
	for _, ip := range ips {
		out = append(out, &net.UDPAddr{IP: ip.IP, Port: port, Zone: ip.Zone})
	}
	return out, nil
}
