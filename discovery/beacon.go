package discovery

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Config says what a node announces, and who is told what it finds. All fields
// are needed.
type Config struct {
	// Listen is where the node takes connections: its port, and the address that
	// it is bound to, unspecified for all of them (of IPv4 alone for 0.0.0.0).
	Listen netip.AddrPort
	// Shares returns the discovery keys (K_disc) of the folders that the node
	// holds. It is called by Run at first and after every Refresh. Of more than
	// 256 keys the first 256 count; with none the node is silent.
	Shares func() [][32]byte
	// Found is told where a holder of key said it can be reached: at least one
	// address, sorted, link-local ones of IPv6 with the zone of this machine. It
	// is called again whenever the holder is heard again. That the advert is not
	// an old one repeated by somebody else is for the dialer to find out. It is
	// called by Run, which hears nothing meanwhile, so it must not wait.
	Found func(key [32]byte, addrs []netip.AddrPort)
}

// Beacon announces a node on the local links and finds others of its folders.
type Beacon struct {
	config Config
	poke   chan struct{}

	mu   sync.Mutex
	seen []*station // what Report looks at
	over int        // interfaces beyond maxLinks
	err  error      // why the interfaces are not known
}

// New returns a beacon that is silent until it runs.
func New(c Config) *Beacon { return &Beacon{config: c, poke: make(chan struct{}, 1)} }

// Refresh makes a running beacon ask for the shares again, and announce itself
// at once. It never waits.
func (b *Beacon) Refresh() {
	select {
	case b.poke <- struct{}{}:
	default:
	}
}

// Run announces and listens until ctx ends, and returns nil when everything
// that it started has ended, well within a second. Interfaces that come, go or
// fail are no error: see [Beacon.Report]. It fails at once when Listen has no
// address or port. A beacon runs once.
func (b *Beacon) Run(ctx context.Context) error {
	if l := b.config.Listen; !l.Addr().IsValid() || l.Port() == 0 {
		return fmt.Errorf("discovery needs the address and port that the node listens on, not %q", l)
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &run{b: b, ctx: ctx, stations: map[string]*station{}, events: make(chan event, 64)}
	defer r.readers.Wait()
	defer r.closeAll()
	defer cancel()
	changes := make(chan struct{}, 1)
	r.readers.Go(func() {
		watch(ctx, func() {
			select {
			case changes <- struct{}{}:
			default:
			}
		})
	})
	r.keys = b.shares()
	r.relink = time.Now()
	for timer := time.NewTimer(0); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-b.poke:
			r.keys = b.shares()
			r.announce()
		case <-changes:
			if r.relink.IsZero() { // one change is many messages
				r.relink = time.Now().Add(settle)
			}
		case e := <-r.events:
			r.take(e)
		}
		timer.Reset(time.Until(r.due(time.Now())))
	}
}

// settle is how long changes of the network are collected.
const settle = 200 * time.Millisecond

// pollEvery is how often the network is looked at where it does not tell.
const pollEvery = 5 * time.Second

func poll(ctx context.Context, changed func()) {
	for tick := time.NewTicker(pollEvery); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
			changed()
		}
	}
}

func (b *Beacon) shares() []key {
	keys := b.config.Shares()
	return slices.Clone(keys[:min(maxTags, len(keys))])
}
