package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"qsync/certs"
	"qsync/cmd/qsync/config"
	"qsync/cmd/qsync/doctor"
	"qsync/peer"
)

type doctorCmd struct {
	Remote remoteList `sep:"," placeholder:"HOST[:PORT]" help:"Also try to reach this peer (repeatable; port 2121)."`
}

// examineTime bounds everything that a doctor waits for in the network.
const examineTime = 20 * time.Second

// examination is one run of the doctor: what is known, and what was found.
type examination struct {
	p       *program
	home    home
	conf    *config.Config
	nodes   []answeringNode
	known   []entry
	remotes []string      // that were typed now
	probes  chan struct{} // bounds how many addresses are tried at once
	maps    map[string]glanced

	mu    sync.Mutex
	found []doctor.Finding
}

// errNotWell: at least one thing is bad.
var errNotWell = errors.New("something is bad")

// Run looks at everything that keeps folders from syncing.
func (c *doctorCmd) Run(p *program) error {
	h, err := p.existingHome()
	if err != nil {
		return err
	}
	e := &examination{p: p, home: h, conf: config.Default(), remotes: c.Remote.strings(), probes: make(chan struct{}, 8), maps: map[string]glanced{}}
	// Half of what is known is better than none.
	conf, cerr := h.config()
	if cerr == nil {
		e.conf = conf
	} else {
		e.tell(doctor.Finding{Check: "config", State: doctor.Bad, Text: cerr.Error(), Cure: "qsync config check"})
	}
	known, kerr := h.entries()
	if kerr != nil {
		e.tell(doctor.Finding{Check: "home", State: doctor.Bad, Text: kerr.Error(), Cure: "qsync folders"})
	}
	e.known = withListed(known, e.conf)
	e.nodes = h.ask(askTime)
	ctx, cancel := context.WithTimeout(context.Background(), examineTime)
	defer cancel()
	e.machine(ctx)
	for _, k := range e.known {
		e.folder(ctx, k)
	}
	e.everyRemote(ctx)
	return e.report()
}

// tell keeps findings in the order in which they are printed: by folder, and
// within one as they come.
func (e *examination) tell(all ...doctor.Finding) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.found = append(e.found, all...)
}

// machine looks at what all folders share.
func (e *examination) machine(ctx context.Context) {
	var pids []int
	running := 0
	for _, n := range e.nodes {
		pids = append(pids, n.PID)
		running += len(n.Folders)
	}
	e.tell(doctor.Nodes(pids, running, len(e.known)))
	for _, n := range e.nodes {
		e.tell(doctor.Version(n.Version, version))
	}
	e.tell(e.atHome()...)
	e.tell(e.port())
	here, err := doctor.Prefixes()
	if err == nil {
		e.tell(doctor.Addresses(here))
	}
	for _, remote := range e.allRemotes() {
		host, _, err := net.SplitHostPort(remote)
		if err == nil {
			e.tell(doctor.Subnet(remote, doctor.Lookup(ctx, host), here))
		}
	}
	e.tell(e.multicast(ctx, here)...)
	in, out, err := doctor.SocketLimits()
	e.tell(doctor.Buffers(in, out, err))
	synced, err := doctor.ClockSynced()
	e.tell(doctor.Clock(e.p.now(), built(), synced, err))
	e.tell(e.inotify()...)
}

// built is when this program was made, the zero time where it does not say.
func built() time.Time {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return time.Time{}
	}
	for _, s := range info.Settings {
		if at, err := time.Parse(time.RFC3339, s.Value); err == nil && s.Key == "vcs.time" {
			return at
		}
	}
	return time.Time{}
}

// atHome looks at the home and its file system.
func (e *examination) atHome() (all []doctor.Finding) {
	fi, err := os.Stat(e.home.dir)
	if err != nil {
		return nil // nothing is known yet: the check of the nodes says so
	}
	owner, ok := ownerOf(fi)
	if !ok {
		owner = -1
	}
	all = append(all, doctor.Home(e.home.dir, os.Geteuid(), owner, fi.Mode()))
	var open []string
	for _, path := range e.home.secrets() {
		if fi, err := os.Stat(path); err == nil && !oneUser(fi) {
			open = append(open, path)
		}
	}
	free, total, err := doctor.FreeSpace(e.home.dir)
	return append(all, doctor.Secrets(open), doctor.Space("the home", free, total, err))
}

// port says who has the port that peers look for.
func (e *examination) port() doctor.Finding {
	listen := cmp.Or(e.p.vars["QSYNC_LISTEN"], e.conf.Listen)
	f := doctor.PortFacts{Asked: listen != ""}
	addr, err := parseListen(cmp.Or(listen, ":"+defaultPort))
	if err != nil {
		return doctor.Finding{Check: "port", State: doctor.Bad, Text: fmt.Sprintf("the address to listen on, %s: %v", quote(listen), err), Cure: "listen: in config.yaml, or QSYNC_LISTEN"}
	}
	_, port, _ := net.SplitHostPort(addr) // parseListen made it
	f.Port, _ = strconv.Atoi(port)
	for _, n := range e.nodes {
		if at := portOfNode(n.Status); at != 0 {
			f.Port, f.Nodes = at, append(f.Nodes, n.PID)
		}
	}
	if len(f.Nodes) == 0 {
		conn, err := peer.ListenUDP(addr)
		if f.Bind = err; err == nil {
			_ = conn.Close()
		} else {
			f.Owner = doctor.PortOwner(f.Port)
		}
	}
	return doctor.Port(f)
}

// portOfNode is the port of a running node, 0 for one without a network.
func portOfNode(s peer.Status) int {
	for _, addr := range s.Listen {
		if _, port, err := net.SplitHostPort(addr); err == nil {
			n, _ := strconv.Atoi(port)
			return n
		}
	}
	return 0
}

// inotify compares the limits of watching with what the folders need.
func (e *examination) inotify() []doctor.Finding {
	var dirs int64
	for _, k := range e.known {
		if f, ok := e.running(k.Dir); ok {
			dirs += f.Entries.Dirs
		} else if g, err := e.glance(k); err == nil {
			dirs += g.Totals.Dirs
		}
	}
	watches, instances, err := doctor.WatchLimits()
	used, uerr := doctor.InstancesUsed()
	need := int64(len(e.known))
	if len(e.nodes) > 0 {
		need = 0 // they are among the used ones
	}
	return []doctor.Finding{doctor.Watches(watches, dirs, err), doctor.Instances(instances, used, need, cmp.Or(err, uerr))}
}

// running is how a running node sees a folder.
func (e *examination) running(dir string) (peer.FolderStatus, bool) {
	for _, n := range e.nodes {
		for _, f := range n.Folders {
			if sameDir(f.Path, dir) {
				return f, true
			}
		}
	}
	return peer.FolderStatus{}, false
}

// allRemotes are the addresses that people gave, here or in the settings.
func (e *examination) allRemotes() []string {
	all := slices.Clone(e.remotes)
	for _, k := range e.known {
		all = append(all, e.remotesOf(k)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (e *examination) remotesOf(k entry) []string {
	if f, ok := folderAt(e.conf, k.Dir); ok {
		return f.Remotes
	}
	return k.Remotes
}

// everyRemote tries typed addresses for which there is no folder.
func (e *examination) everyRemote(ctx context.Context) {
	if slices.ContainsFunc(e.known, func(k entry) bool { return k.ID != "" }) {
		return // each folder has tried them with its ID
	}
	id, err := certs.NewSyncID()
	if err != nil {
		return // no randomness: nothing at all works here
	}
	for _, remote := range e.remotes {
		e.tell(e.reach(ctx, id, doctor.ReachFacts{Remote: remote, Typed: true}))
	}
}

// report prints what was found; the exit code says whether all is well.
func (e *examination) report() error {
	slices.SortStableFunc(e.found, func(a, b doctor.Finding) int { return strings.Compare(a.Folder, b.Folder) })
	var b strings.Builder
	bad, last := 0, ""
	for _, f := range e.found {
		if f.State == doctor.Bad {
			bad++
		}
		if e.p.flags.JSON {
			if err := e.p.printJSON(f); err != nil {
				return err
			}
			continue
		}
		if f.Folder != last {
			fmt.Fprintf(&b, "\nfolder %s\n", quote(f.Folder))
			last = f.Folder
		}
		b.WriteString(findingText(f))
	}
	if err := e.p.print(b.String()); err != nil {
		return err
	}
	if bad > 0 {
		return &sentence{text: errNotWell.Error(), said: true}
	}
	return nil
}

// findingText is one finding for people. What is to be typed is not wrapped.
func findingText(f doctor.Finding) string {
	t := &page{}
	const left = 16
	for i, line := range wrap(clean(f.Text), statusWidth-left) {
		if i == 0 {
			fmt.Fprintf(t, "%-4s %-10s %s\n", f.State, f.Check, line)
		} else {
			fmt.Fprintf(t, "%*s%s\n", left, "", line)
		}
	}
	if f.Cure != "" {
		fmt.Fprintf(t, "%*s→ %s\n", left, "", clean(f.Cure))
	}
	return t.String()
}
