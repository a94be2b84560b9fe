package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"qsync/cmd/qsync/config"
	"qsync/peer"
)

// reachTime is how long --once tries to reach the peers unless told otherwise.
const reachTime = 30 * time.Second

// inSync waits until every folder of the session is in sync with that many peers.
func (s *session) inSync(ctx context.Context, peers int) error {
	folders := s.folders.running()
	results := make(chan error, len(folders))
	for _, m := range folders {
		go func() { results <- m.Wait(ctx, peers) }()
	}
	var first error
	for range folders {
		if err := <-results; first == nil {
			first = err
		}
	}
	return first
}

// reach is inSync that gives up once fewer than that many peers have been
// connected for the time within.
func (s *session) reach(ctx context.Context, peers int, within time.Duration) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.inSync(ctx, peers) }()
	look := time.NewTimer(lookEvery / 10)
	defer look.Stop()
	since := time.Now()
	for {
		select {
		case err := <-done:
			return err
		case <-look.C:
		}
		began := time.Now()
		if err := s.refused(); err != nil {
			return err
		}
		if s.connected() >= peers {
			since = time.Now()
		}
		if time.Since(since) >= within {
			return s.unreachable(peers, within)
		}
		look.Reset(sparing(lookEvery/10, time.Since(began)))
	}
}

// refused is why a peer that answers will never sync with us: two one-way
// sources do not stop each other, they only have nothing to do.
func (s *session) refused() error {
	for _, m := range s.folders.running() {
		if reason := m.Status().Reason; strings.Contains(reason, peer.ErrSources.Error()) {
			return &sentence{text: reason, kind: peer.ErrSources}
		}
	}
	return nil
}

func (s *session) connected() int {
	n := 0
	for _, m := range s.folders.running() {
		for _, p := range m.Status().Peers {
			if p.Connected {
				n++
			}
		}
	}
	return n
}

// portsOf names the UDP ports of what --remote names.
func portsOf(remotes []string) string {
	var ports []string
	for _, r := range remotes {
		port := config.DefaultPort
		if _, p, err := net.SplitHostPort(r); err == nil && p != "" {
			port = p
		}
		if !slices.Contains(ports, port) {
			ports = append(ports, port)
		}
	}
	return "UDP port " + strings.Join(ports, ", ")
}

func (s *session) unreachable(peers int, within time.Duration) error {
	var tried []string
	for _, m := range s.folders.running() {
		tried = append(tried, m.conf.Remotes...)
	}
	text := fmt.Sprintf("no peer answered within %v; tried %s. Is qsync running there with the same sync ID, and %s open?", within, strings.Join(tried, ", "), portsOf(tried))
	if n := s.connected(); n > 0 {
		text = fmt.Sprintf("only %d of %d peers answered within %v; tried %s. %s", n, peers, within, strings.Join(tried, ", "), s.folders.running()[0].Missing(peers))
	}
	return &sentence{text: text, kind: peer.ErrUnreachable}
}
