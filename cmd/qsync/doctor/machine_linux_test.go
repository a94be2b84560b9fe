package doctor

import (
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestLimits(t *testing.T) {
	in, out, err := SocketLimits()
	if err != nil || in <= 0 || out <= 0 {
		t.Errorf("socket limits %d, %d, %v", in, out, err)
	}
	watches, instances, err := WatchLimits()
	if err != nil || watches <= 0 || instances <= 0 {
		t.Errorf("watch limits %d, %d, %v", watches, instances, err)
	}
	if _, err := sysctl("no/such"); err == nil {
		t.Error("a limit that there is not")
	}
	if _, err := ClockSynced(); err != nil {
		t.Error(err)
	}
}

func TestInstancesUsed(t *testing.T) {
	before, err := InstancesUsed()
	if err != nil {
		t.Fatal(err)
	}
	var fds []int
	for range 20 { // more than other programs are likely to end meanwhile
		fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		fds = append(fds, fd)
	}
	after, err := InstancesUsed()
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
	if err != nil || after < before+10 {
		t.Errorf("%d inotify instances, with 20 more %d: %v", before, after, err)
	}
}

func TestPortOwner(t *testing.T) {
	for _, network := range []string{"udp4", "udp6"} {
		c, err := net.ListenPacket(network, ":0")
		if err != nil {
			continue // a family that this machine does not have
		}
		port := c.LocalAddr().(*net.UDPAddr).Port
		if got := PortOwner(port); !strings.Contains(got, "process "+strconv.Itoa(os.Getpid())) {
			t.Errorf("%s port %d is of %q", network, port, got)
		}
		_ = c.Close()
		if got := PortOwner(port); got != "" {
			t.Errorf("the closed port %d is of %q", port, got)
		}
	}
}

func TestHolders(t *testing.T) {
	table := `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  512: 00000000:0849 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 12345 2 0000000000000000 0
  513: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 99 2 0000000000000000 0
  bad line
`
	if got := holders(strings.NewReader(table), 2121); !slices.Equal(got, []string{"12345"}) {
		t.Errorf("port 2121 is held by %v", got)
	}
}
