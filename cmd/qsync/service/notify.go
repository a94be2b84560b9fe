package service

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// notifyTime bounds how long the service manager can keep us waiting.
const notifyTime = time.Second

// Notify tells the service manager something about this process, as assignments
// of sd_notify(3), one a line. Where nobody wants to hear it (no $NOTIFY_SOCKET)
// it does nothing. A caller has nothing to do about an error but to log it.
func Notify(state string) error {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return nil
	}
	if name[0] != '/' && name[0] != '@' { // vsock is of virtual machines, not of services
		return fmt.Errorf("service: NOTIFY_SOCKET is no path: %q", name)
	}
	// Package net reads a leading @ as the abstract name space, as systemd does.
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("service: %w", err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(notifyTime)); err != nil {
		return fmt.Errorf("service: %w", err)
	}
	if _, err := c.Write([]byte(state)); err != nil {
		return fmt.Errorf("service: %w", err)
	}
	return nil
}

// Ready says that the node is up, or that it has read its settings again.
func Ready() error { return Notify("READY=1") }

// Reloading says that the settings are being read again; [Ready] ends that.
func Reloading() error {
	state := "RELOADING=1"
	if us, ok := monotonic(); ok {
		state += "\nMONOTONIC_USEC=" + strconv.FormatInt(us, 10)
	}
	return Notify(state)
}

// Stopping says that the node is ending.
func Stopping() error { return Notify("STOPPING=1") }

// Status shows one line of text in 'systemctl status'. It must hold no secret.
func Status(text string) error {
	return Notify("STATUS=" + strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, text))
}

// Alive says that the node still works: what [Watchdog] asks for.
func Alive() error { return Notify("WATCHDOG=1") }

// Watchdog returns how often [Alive] is to be called, half the time after which
// the service manager takes the process for dead and starts another. ok is
// false where nobody watches this process (sd_watchdog_enabled(3)).
func Watchdog() (every time.Duration, ok bool) {
	if pid := os.Getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0, false
	}
	us, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || us < 2 || us > int64((1<<63-1)/time.Microsecond) || os.Getenv("NOTIFY_SOCKET") == "" {
		return 0, false
	}
	return time.Duration(us) * time.Microsecond / 2, true
}
