package main

import (
	"context"
	"net/netip"

	"qsync/certs"
	"qsync/discovery"
)

// openBeacon makes the beacon by which the node and others of its folders find
// each other nearby. Other members are told where this node is, and the folders
// where others may be.
func (s *session) openBeacon() {
	s.beacon = discovery.New(discovery.Config{Listen: s.at.AddrPort(), Shares: s.folders.keys, Found: s.folders.found})
	s.chores = append(s.chores, func(ctx context.Context) {
		if err := s.beacon.Run(ctx); err != nil {
			s.log.Error("peers nearby are not found; give their addresses with --remote", "error", err)
		}
	})
}

// refresh tells the beacon that the folders are others now.
func (s *session) refresh() {
	if s.beacon != nil {
		s.beacon.Refresh()
	}
}

// watchNetwork tells the node when this machine's addresses change.
func (s *session) watchNetwork(ctx context.Context) {
	discovery.Watch(ctx, func() {
		s.log.Info("this machine's addresses changed; looking whether the peers are still there")
		s.node.NetworkChanged()
	})
}

// keys are the discovery keys of the folders that peers may ask for.
func (g *manager) keys() (all [][32]byte) {
	for _, m := range g.running() {
		if !m.paired && !m.Paused() {
			all = append(all, m.key)
		}
	}
	return all
}

// found hands addresses to the folder that they are of.
func (g *manager) found(key [32]byte, addrs []netip.AddrPort) {
	for _, m := range g.running() {
		if !m.paired && !m.Paused() && m.key == key {
			m.Offer(addrs)
		}
	}
}

// discoveryKey is the key under which a folder is announced.
func (e entry) discoveryKey() (key [32]byte, err error) {
	id, err := e.syncID()
	if err != nil {
		return key, err
	}
	keys, err := certs.Derive(id)
	if err != nil {
		return key, err
	}
	return keys.Discovery(), nil
}
