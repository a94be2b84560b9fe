package discovery

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Watch calls changed whenever this machine's interfaces or addresses have
// become others, and returns when ctx has ended. Several changes within a moment
// are one call, and news of the system that change nothing are none. It needs no
// beacon and sends nothing.
func Watch(ctx context.Context, changed func()) {
	news := make(chan struct{}, 1)
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() {
		watch(ctx, func() {
			select {
			case news <- struct{}{}:
			default:
			}
		})
	})
	for last := network(); ; {
		select {
		case <-ctx.Done():
			return
		case <-news:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(settle):
		}
		if now := network(); now != last {
			last = now
			changed()
		}
	}
}

// network describes the interfaces of the machine that are up, with their
// addresses; where the system does not tell them, those towards the world.
func network() string {
	var b strings.Builder
	interfaces, err := net.Interfaces()
	if err != nil {
		links, err := defaultLink(netip.AddrPortFrom(netip.IPv6Unspecified(), 1))
		return fmt.Sprint(links, err)
	}
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		addrs, err := i.Addrs()
		fmt.Fprintln(&b, i.Index, i.Name, i.Flags, i.HardwareAddr, plain(addrs), err)
	}
	return b.String()
}
