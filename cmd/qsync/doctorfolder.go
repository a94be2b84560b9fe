package main

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"qsync/certs"
	"qsync/cmd/qsync/doctor"
	"qsync/discovery"
	"qsync/peer"
	"qsync/store"
)

const (
	searchTime = 2500 * time.Millisecond // the search for peers, which asks after 0 and 1 s
	maxTried   = 6                       // remembered addresses of one folder
)

// secrets are the files of the home that hold an ID or a key.
func (h home) secrets() []string {
	all := []string{filepath.Join(h.dir, "device"), h.configPath()}
	more, err := filepath.Glob(filepath.Join(h.dir, "folders", "*", entryFile))
	if err != nil {
		return all // a home with [ in its name
	}
	return append(all, more...)
}

// glanced is what came of examining a map.
type glanced struct {
	store.Glance
	err error
}

// glance examines the map of a folder that no node runs, once.
func (e *examination) glance(k entry) (store.Glance, error) {
	if k.tag == "" {
		return store.Glance{}, fs.ErrNotExist
	}
	g, ok := e.maps[k.tag]
	if !ok {
		g.Glance, g.err = store.Examine(filepath.Join(e.home.state(k.tag), "map.db"))
		e.maps[k.tag] = g
	}
	return g.Glance, g.err
}

// folder looks at one folder.
func (e *examination) folder(ctx context.Context, k entry) {
	tell := func(f doctor.Finding) { e.tell(f.At(k.Dir)) }
	if _, err := os.Stat(k.Dir); err != nil {
		tell(doctor.Finding{Check: "directory", State: doctor.Bad, Text: "it cannot be reached: " + reason(err).Error(), Cure: "mount its disk; 'qsync forget DIR' if it is gone for good"})
		return
	}
	status, running := e.running(k.Dir)
	var peers []store.Peer
	if running {
		tell(doctor.Folder(factsOf(status)))
		fi, err := os.Stat(filepath.Join(e.home.state(k.tag), "map.db"))
		if k.tag != "" && err == nil {
			tell(doctor.Map(doctor.MapFacts{Running: true, Size: fi.Size()}))
		}
	} else {
		g, err := e.glance(k)
		busy := errors.Is(err, store.ErrBusy)
		if busy {
			err = nil
		}
		tell(doctor.Map(doctor.MapFacts{Size: g.Size, Running: busy, Err: err, Missing: errors.Is(err, fs.ErrNotExist)}))
		peers = g.Peers
	}
	free, total, err := doctor.FreeSpace(k.Dir)
	tell(doctor.Space("the folder", free, total, err))
	if staging := filepath.Join(k.Dir, ".qsync", "tmp"); k.Mode != peer.Send.String() && isDir(staging) {
		traits, err := doctor.Look(staging)
		tell(doctor.FileSystem(traits, err))
	}
	if id, err := k.syncID(); err == nil && k.ID != "" && k.Kind != "pair" {
		e.reachAll(ctx, id, k, append(addressesOf(status), remembered(peers)...))
	}
}

func isDir(path string) bool {
	fi, err := os.Lstat(path)
	return err == nil && fi.IsDir()
}

func factsOf(f peer.FolderStatus) doctor.FolderFacts {
	facts := doctor.FolderFacts{State: f.State, Reason: f.Reason, Problems: len(f.Problems), Conflicts: len(f.Conflicts), Peers: len(f.Peers)}
	for _, p := range f.Peers {
		if p.Connected {
			facts.Connected++
		}
	}
	return facts
}

// addressesOf are where a running node found the peers that are away.
func addressesOf(f peer.FolderStatus) (all []string) {
	for _, p := range f.Peers {
		if !p.Connected && len(p.Addresses) > 0 {
			all = append(all, p.Addresses[0])
		}
	}
	return all
}

// remembered are where peers were last.
func remembered(peers []store.Peer) (all []string) {
	for _, p := range peers {
		if len(p.Addrs) > 0 {
			all = append(all, p.Addrs[0].At.String())
		}
	}
	return all
}

// reachAll tries all addresses of a folder at once.
func (e *examination) reachAll(ctx context.Context, id certs.SyncID, k entry, more []string) {
	var facts []doctor.ReachFacts
	seen := map[string]bool{}
	for _, r := range append(append([]string{}, e.remotes...), e.remotesOf(k)...) {
		if !seen[r] {
			facts = append(facts, doctor.ReachFacts{Remote: r, Folder: k.Dir, Typed: true})
		}
		seen[r] = true
	}
	for _, r := range more[:min(maxTried, len(more))] {
		if !seen[r] {
			facts = append(facts, doctor.ReachFacts{Remote: r, Folder: k.Dir})
		}
		seen[r] = true
	}
	found := make([]doctor.Finding, len(facts))
	var wg sync.WaitGroup
	for i, f := range facts {
		wg.Go(func() { found[i] = e.reach(ctx, id, f).At(k.Dir) })
	}
	wg.Wait()
	e.tell(found...)
}

// reach tries one address with an ID.
func (e *examination) reach(ctx context.Context, id certs.SyncID, f doctor.ReachFacts) doctor.Finding {
	e.probes <- struct{}{}
	defer func() { <-e.probes }()
	keys, err := certs.Derive(id)
	var p peer.Probed
	if err == nil {
		p, err = peer.Probe(ctx, f.Remote, keys)
	}
	f.Err, f.Name = err, p.Name
	for _, n := range e.nodes {
		f.Self = f.Self || p.Node != "" && p.Node == n.Node
	}
	return doctor.Reach(f)
}

// multicast runs the search for peers for a moment. With a running node it asks
// for the folders' own peers, and repeats what that node announces; without one
// it asks for a folder that nobody has, so that nobody is told of a node that
// does not run.
func (e *examination) multicast(ctx context.Context, here []netip.Prefix) []doctor.Finding {
	if !e.conf.Discovery || e.p.vars["QSYNC_NO_DISCOVERY"] != "" {
		return []doctor.Finding{{Check: "multicast", State: doctor.Note, Text: "the search for peers nearby is off in the settings", Cure: "discovery: true in config.yaml"}}
	}
	listen, keys := e.searched()
	var mu sync.Mutex
	others := false
	b := discovery.New(discovery.Config{
		Listen: listen,
		Shares: func() [][32]byte { return keys },
		Found: func(_ [32]byte, addrs []netip.AddrPort) {
			mu.Lock()
			defer mu.Unlock()
			others = others || !ours(addrs, listen.Port(), here)
		},
	})
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	links := make(chan []discovery.Link, 1)
	go func() {
		// Run closes what the report is about, so it is asked just before.
		time.Sleep(searchTime - 200*time.Millisecond)
		links <- b.Report()
	}()
	if err := b.Run(ctx); err != nil {
		return []doctor.Finding{doctor.Multicast(discovery.Link{Err: err}, false)}
	}
	mu.Lock()
	defer mu.Unlock()
	var all []doctor.Finding
	for _, l := range <-links {
		if !others {
			l.Found = 0 // our own node's announcement
		}
		all = append(all, doctor.Multicast(l, len(e.nodes) > 0))
	}
	if len(all) == 0 {
		return []doctor.Finding{{Check: "multicast", State: doctor.Note, Text: "there is no interface on which peers nearby could be searched for", Cure: "--remote HOST works without"}}
	}
	return all
}

// searched is what the search for peers announces and asks for.
func (e *examination) searched() (listen netip.AddrPort, keys [][32]byte) {
	for _, n := range e.nodes {
		at, err := netip.ParseAddrPort(first(n.Listen))
		if err == nil && len(n.Listen) > 1 {
			at = netip.AddrPortFrom(netip.IPv6Unspecified(), at.Port())
		}
		if err == nil {
			listen = at
		}
	}
	for _, k := range e.known {
		if key, err := k.discoveryKey(); err == nil && k.ID != "" && listen.IsValid() {
			keys = append(keys, key)
		}
	}
	if len(keys) > 0 {
		return listen, keys
	}
	id, err := certs.NewSyncID()
	if err == nil {
		if k, err := certs.Derive(id); err == nil {
			keys = append(keys, k.Discovery())
		}
	}
	return netip.AddrPortFrom(netip.IPv6Unspecified(), peer.DefaultPort), keys
}

func first(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return all[0]
}

// ours reports whether addresses that were announced are this machine's node's.
func ours(addrs []netip.AddrPort, port uint16, here []netip.Prefix) bool {
	for _, a := range addrs {
		mine := false
		for _, p := range here {
			mine = mine || p.Addr() == a.Addr().Unmap().WithZone("") && a.Port() == port
		}
		if !mine {
			return false
		}
	}
	return true
}
