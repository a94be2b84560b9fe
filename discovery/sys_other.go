//go:build !linux

package discovery

import (
	"context"
	"syscall"
)

// onlyJoined has nothing to do where sockets hear only what they joined.
func onlyJoined(string, string, syscall.RawConn) error { return nil }

// bridgePort is asked only where containers' cables are many.
func bridgePort(string) bool { return false }

// watch calls changed every few seconds until ctx ends: looking at the
// interfaces is cheap and the same everywhere.
func watch(ctx context.Context, changed func()) { poll(ctx, changed) }
