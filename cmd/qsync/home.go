package main

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"qsync/certs"
)

// home is the directory where a node keeps its state.
type home struct {
	dir  string
	user string // the directory that ~ stands for in config.yaml, "" if there is none
}

// homeDir is where the home is, absolute, whether it exists or not.
func (p *program) homeDir() (string, error) {
	dir := p.flags.Home // the flag, or QSYNC_HOME
	if dir == "" {
		var err error
		if dir, err = p.standardHome(); err != nil {
			return "", err
		}
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", failf("cannot tell where the home is: %v", err)
	}
	return abs, nil
}

func (p *program) standardHome() (string, error) {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		dir, err := os.UserConfigDir()
		if err != nil {
			return "", usagef("there is no directory for this user's settings (%v); give one with --home", err)
		}
		return filepath.Join(dir, "qsync"), nil
	}
	if dir := p.vars["XDG_STATE_HOME"]; filepath.IsAbs(dir) {
		return filepath.Join(dir, "qsync"), nil
	}
	if dir := p.vars["HOME"]; filepath.IsAbs(dir) {
		return filepath.Join(dir, ".local", "state", "qsync"), nil
	}
	return "", usagef("there is no directory for qsync's state: give one with --home, or set QSYNC_HOME or HOME")
}

// openHome makes the home if it is not there, for its owner alone.
func (p *program) openHome() (home, error) {
	dir, err := p.homeDir()
	if err != nil {
		return home{}, err
	}
	if fi, err := os.Stat(dir); err == nil {
		if uid, ok := ownerOf(fi); ok && uid != os.Geteuid() {
			return home{}, failf("the home %s belongs to another user: run qsync as that user, or choose another home with --home", quote(dir))
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "folders"), 0o700); err != nil {
		return home{}, failf("cannot make the home %s: %v; choose another with --home", quote(dir), err)
	}
	for _, d := range []string{dir, filepath.Join(dir, "folders")} {
		if fi, err := os.Stat(d); err == nil && fi.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
			if err := os.Chmod(d, 0o700); err != nil {
				return home{}, failf("the home %s is open to others and cannot be closed: %v; choose another with --home", quote(dir), err)
			}
		}
	}
	return p.homeAt(dir), nil
}

// existingHome is the home for commands that only look.
func (p *program) existingHome() (home, error) {
	dir, err := p.homeDir()
	return p.homeAt(dir), err
}

// closed is an error where the home is there and cannot be looked into, for all
// that is in it then seems not to be there.
func (h home) closed() error {
	f, err := os.Open(h.dir)
	if errors.Is(err, fs.ErrPermission) {
		return failf("the home %s cannot be read: %v; run qsync as the user that it belongs to, or choose another home with --home", quote(h.dir), err)
	}
	if err == nil {
		_ = f.Close()
	}
	return nil
}

func (p *program) homeAt(dir string) home {
	return home{dir: dir, user: cmp.Or(p.vars["HOME"], p.vars["USERPROFILE"])}
}

// deviceFile is what the file device holds. It is secret.
type deviceFile struct {
	Device  []byte `json:"device"`    // certs.Device.Marshal
	Reset   []byte `json:"reset_key"` // 32 random bytes
	Machine string `json:"machine"`   // machine-id where it was made
	Inode   string `json:"inode"`     // of the file itself, "" where there is none
}

// identity is who this node is.
type identity struct {
	device  certs.Device
	reset   [32]byte
	machine string
	note    string // for people, when it is not the one of last time
}

// identity reads the device of the home, or makes one. A file that was copied
// from elsewhere, or is damaged, is replaced: two nodes with one identity would
// be taken for one (F17).
func (h home) identity() (identity, error) {
	path := filepath.Join(h.dir, "device")
	machine := machineID()
	id, found, err := readIdentity(path, machine)
	if err != nil || found {
		return id, err
	}
	tmp, err := writeNewIdentity(path, machine)
	if err != nil {
		return identity{}, failf("cannot write the device key: %v", err)
	}
	defer os.Remove(tmp)
	if id.note != "" {
		err = os.Rename(tmp, path)
	} else if err = os.Link(tmp, path); err != nil && !errors.Is(err, fs.ErrExist) {
		err = os.Rename(tmp, path) // a file system without hard links
	}
	// Another process of this home may have been faster; then its device is ours.
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return identity{}, failf("cannot write the device key: %v", err)
	}
	fresh, found, err := readIdentity(path, machine)
	if err == nil && !found {
		err = failf("the device key %s cannot be read back", quote(path))
	}
	fresh.note = id.note
	return fresh, err
}

// readIdentity returns the device in path; found is false when there is none
// that may be used, and id.note then says why.
func readIdentity(path, machine string) (id identity, found bool, err error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return id, false, nil
	}
	if err != nil {
		return id, false, failf("cannot read the device key: %v", err)
	}
	var f deviceFile
	device, derr := certs.Device{}, json.Unmarshal(b, &f)
	if derr == nil {
		device, derr = certs.ParseDevice(f.Device)
	}
	fi, serr := os.Stat(path)
	switch {
	case derr != nil || len(f.Reset) != 32:
		return identity{note: "the device key was damaged; this node is now a new device to its peers"}, false, nil
	case serr != nil || f.Machine != machine || f.Inode != inodeOf(fi):
		return identity{note: "this home is a copy of another one; this node is now a new device to its peers"}, false, nil
	}
	id = identity{device: device, machine: machine}
	copy(id.reset[:], f.Reset)
	return id, true, nil
}

// writeNewIdentity writes a fresh device into a temporary file beside path and
// returns its name. The file records its own inode, which a rename keeps.
func writeNewIdentity(path, machine string) (string, error) {
	device, err := certs.NewDevice()
	if err != nil {
		return "", err
	}
	f := deviceFile{Device: device.Marshal(), Reset: make([]byte, 32), Machine: machine}
	if _, err := rand.Read(f.Reset); err != nil {
		return "", err
	}
	return writeBeside(path, func(file *os.File) ([]byte, error) {
		fi, err := file.Stat()
		if err != nil {
			return nil, err
		}
		f.Inode = inodeOf(fi)
		return json.MarshalIndent(f, "", "  ")
	})
}

// writeBeside writes what content returns into a new file of mode 0600 next to
// path, flushed, and returns its name.
func writeBeside(path string, content func(*os.File) ([]byte, error)) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-") // 0600
	if err != nil {
		return "", err
	}
	b, err := content(f)
	if err == nil {
		_, err = f.Write(b)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// writeFile replaces path as a whole or not at all.
func writeFile(path string, content []byte) error {
	tmp, err := writeBeside(path, func(*os.File) ([]byte, error) { return content, nil })
	if err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	if d, err := os.Open(filepath.Dir(path)); err == nil {
		_ = d.Sync() // best effort: not every system can flush a directory
		_ = d.Close()
	}
	return nil
}

func inodeString(n uint64) string { return strconv.FormatUint(n, 10) }

// hostName is what peers call this node unless told otherwise.
func hostName() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return fmt.Sprintf("node-%d", os.Getpid())
	}
	return name
}
