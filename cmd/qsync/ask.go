package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"qsync/peer"
)

// askTime is how long a running node may take to say how it is. Where nobody
// listens that is known at once; only one that hangs makes people wait.
const askTime = 5 * time.Second

// errNoFolder: the node that was asked does not run that folder.
var errNoFolder = errors.New("no such folder there")

// client speaks HTTP with one control socket of the home.
func (h home) client(socket string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return h.dial(ctx, socket)
		},
	}}
}

// call makes one request and decodes the answer. body nil is a GET.
func (h home) call(ctx context.Context, socket, path string, body, into any) error {
	method, content := http.MethodGet, io.Reader(nil)
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		method, content = http.MethodPost, bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://qsync"+path, content)
	if err != nil {
		return err
	}
	resp, err := h.client(socket).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return errNoFolder
	}
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
		return fmt.Errorf("%s", strings.TrimSpace(string(text)))
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// answeringNode is a node that answered, and where.
type answeringNode struct {
	socket string
	peer.Status
}

// ask returns the status of every running node of the home that answers within
// the time, oldest first. Sockets that nobody listens on are passed over.
func (h home) ask(within time.Duration) []answeringNode { return h.askBut(within, "") }

// askBut is ask without the node at one of the sockets.
func (h home) askBut(within time.Duration, socket string) []answeringNode {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	sockets := slices.DeleteFunc(h.sockets(), func(name string) bool { return name == socket })
	nodes := make([]*answeringNode, len(sockets))
	var wg sync.WaitGroup
	for i, socket := range sockets {
		wg.Go(func() {
			n := answeringNode{socket: socket}
			if err := h.call(ctx, socket, "/v1/status", nil, &n.Status); err == nil {
				for i := range n.Folders {
					exactStatus(&n.Folders[i])
				}
				nodes[i] = &n
			}
		})
	}
	wg.Wait()
	var all []answeringNode
	for _, n := range nodes {
		if n != nil {
			all = append(all, *n)
		}
	}
	slices.SortStableFunc(all, byAge)
	return all
}

// byAge puts the node that has run longest first.
func byAge(a, b answeringNode) int { return int(b.Uptime - a.Uptime) }

// runs returns the process that has dir as one of its folders, 0 if none has.
func runs(nodes []answeringNode, dir string) int {
	for _, n := range nodes {
		for _, f := range n.Folders {
			if sameDir(f.Path, dir) {
				return n.PID
			}
		}
	}
	return 0
}

// homeAnd opens the home that there is, and makes a folder's path absolute
// unless none is given.
func (p *program) homeAnd(dir string) (home, string, error) {
	h, err := p.existingHome()
	if err == nil {
		err = h.closed()
	}
	if err != nil || dir == "" {
		return h, "", err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return h, "", failf("cannot tell where the directory is: %v", err)
	}
	return h, dir, nil
}

// Run waits for running nodes.
func (c *waitCmd) Run(p *program) error {
	h, dir, err := p.homeAnd(c.Dir)
	if err != nil {
		return err
	}
	nodes := h.ask(askTime)
	if dir != "" && runs(nodes, dir) == 0 {
		return failf("no running qsync of the home %s has the folder %s; start it with 'qsync share' or 'qsync join', or name its home with --home", quote(h.dir), quote(dir))
	}
	if len(nodes) == 0 {
		return failf("no qsync is running on the home %s; start one with 'qsync share' or 'qsync join', or name its home with --home", quote(h.dir))
	}
	timeout := c.Timeout.or(time.Minute)
	deadline := p.now().Add(timeout)
	for _, n := range nodes {
		if dir != "" && runs([]answeringNode{n}, dir) == 0 {
			continue
		}
		left := max(deadline.Sub(p.now()), 0)
		if err := h.waitFor(n, waitRequest{Folder: dir, Peers: int(c.Peers), Timeout: left}); err != nil {
			return err
		}
	}
	if c.Peers == 0 && !p.flags.JSON {
		p.alone(h.ask(askTime), dir)
	}
	return nil
}

// alone says which folders have been waited for without a peer: that nothing is queued
// for nobody is not that anybody has it.
func (p *program) alone(nodes []answeringNode, dir string) {
	var all []string
	for _, n := range nodes {
		for _, f := range n.Folders {
			there := slices.ContainsFunc(f.Peers, func(x peer.PeerStatus) bool { return x.Connected })
			if !there && f.State != "paused" && (dir == "" || sameDir(f.Path, dir)) {
				all = append(all, f.Path)
			}
		}
	}
	const hint = "so nobody was waited for; 'qsync wait --peers 1' waits for one, 'qsync doctor' says why there is none"
	switch len(all) {
	case 0:
	case 1:
		p.ui.say("note: no peer of %s is connected, %s", quote(all[0]), hint)
	default:
		p.ui.say("note: no peer of %d folders is connected (%s is one of them), %s", len(all), quote(all[0]), hint)
	}
}

// waitFor lets one node wait, which knows when it is done or out of time; our
// own time limit is for a node that hangs.
func (h home) waitFor(n answeringNode, q waitRequest) error {
	ctx, cancel := context.WithTimeout(context.Background(), q.Timeout+5*time.Second)
	defer cancel()
	var a waitAnswer
	err := h.call(ctx, n.socket, "/v1/wait", q, &a)
	switch {
	case ctx.Err() != nil:
		return &sentence{text: fmt.Sprintf("process %d did not answer in time", n.PID), kind: errTimeout}
	case errors.Is(err, errNoFolder):
		return failf("process %d no longer runs that folder", n.PID)
	case err != nil:
		return failf("process %d ended while it was waited for", n.PID)
	}
	return a.err()
}
