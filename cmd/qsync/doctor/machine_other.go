//go:build !linux

package doctor

import "errors"

// SocketLimits is of Linux.
func SocketLimits() (in, out int64, err error) { return 0, 0, errors.ErrUnsupported }

// WatchLimits is of Linux.
func WatchLimits() (watches, instances int64, err error) { return 0, 0, errors.ErrUnsupported }

// InstancesUsed is of Linux.
func InstancesUsed() (int64, error) { return 0, errors.ErrUnsupported }

// PortOwner does not tell here.
func PortOwner(int) string { return "" }

// ClockSynced is of Linux.
func ClockSynced() (bool, error) { return false, errors.ErrUnsupported }

func typeOf(string) string { return "" }

// swaps: there are no such calls here, and no other way is taken for granted.
func swaps(_, _ string) (exchange, noReplace error) { return nil, nil }
