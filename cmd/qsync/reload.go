package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"qsync/cmd/qsync/config"
	"qsync/cmd/qsync/service"
)

// How a changed config.yaml is noticed.
const (
	quietTime = 200 * time.Millisecond // after the last notice; editors write in steps
	lookNow   = 5 * time.Second        // between looks where nothing gives notice
	lookRare  = 30 * time.Second       // where something does: the file may be a link to one elsewhere
)

// What ends a run that somebody wanted to end, and no error.
var (
	errAgain     = errors.New("the settings of the node changed") // the session begins anew
	errForgotten = errors.New("the folder was forgotten")
)

// watchConfig applies config.yaml whenever it changes, and a server also on SIGHUP.
func (s *session) watchConfig(ctx context.Context) {
	hangup := make(chan os.Signal, 1)
	if s.folders.serve { // in the foreground it means that the terminal is gone
		signal.Notify(hangup, syscall.SIGHUP)
		defer signal.Stop(hangup)
	}
	notices, look := noticesOf(ctx, s.home.dir, configName), lookRare
	if notices == nil {
		look = lookNow
	}
	tick := time.NewTicker(look)
	defer tick.Stop()
	seen := s.confStamp
	for {
		if now := stampOf(s.home.configPath()); now != seen { // also what came before this watch began
			seen = now
			_ = s.folders.reload() // it was told; the old settings stay in force
		}
		asked := false
		select {
		case <-ctx.Done():
			return
		case <-notices:
			if !pause(ctx, quietTime) {
				return
			}
		case <-tick.C:
		case <-hangup:
			asked = true
		}
		if asked {
			seen = "asked" // no file's
		}
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// stampOf differs when a file does, as far as can be told without reading it.
func stampOf(path string) string {
	fi, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return fmt.Sprint(fi.Size(), fi.ModTime().UnixNano(), inodeOf(fi))
}

// reload reads config.yaml anew and applies what is other in it. A file that is
// broken leaves everything as it is; the error has its problems.
func (g *manager) reload() error {
	g.work.Lock()
	defer g.work.Unlock()
	if !g.serve && g.only == "" {
		return nil
	}
	next, err := g.s.home.config()
	if _, serr := os.Stat(g.s.home.configPath()); err == nil && errors.Is(serr, fs.ErrNotExist) && len(g.conf.Folders) > 0 {
		err = usagef("%s is gone; write it again, or end qsync", quote(g.s.home.configPath()))
	}
	broken := g.complain(err)
	if err != nil {
		return err
	}
	if g.serve {
		g.tellManager(service.Reloading())
		defer func() { g.tellManager(service.Ready()) }()
	}
	if err = g.apply(next); err == nil && broken {
		g.s.log.Warn("config.yaml is in order again, and in force")
	}
	return err
}

// tellManager logs that the service manager could not be told something.
func (g *manager) tellManager(err error) {
	if err != nil {
		g.s.log.Warn("the service manager does not hear this node", "error", err)
	}
}

// complain notes why config.yaml is not in force, and tells it once. It reports
// whether something was wrong before.
func (g *manager) complain(err error) (before bool) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	g.mu.Lock()
	known, before := g.problem == text, g.problem != ""
	g.problem = text
	g.mu.Unlock()
	if known || err == nil {
		return before
	}
	for line := range strings.Lines(text) {
		g.s.log.Error("config.yaml is not taken; the settings from before stay in force", "problem", strings.TrimSuffix(line, "\n"))
	}
	return before
}

// apply makes everything as next says: only what changed is touched. The error
// says what of it cannot be; then the node's settings stay. g.work is held.
func (g *manager) apply(next *config.Config) error {
	g.mu.Lock()
	before := g.conf
	g.mu.Unlock()
	changes := config.Diff(before, next)
	if slices.ContainsFunc(changes.Node, func(key string) bool { return strings.HasPrefix(key, "log.") }) {
		if err := g.s.reopenLog(next); err != nil {
			g.complain(err)
			return err
		}
	}
	again, err := g.s.restarts(before, next)
	if err != nil {
		g.complain(err)
		return err
	}
	g.mu.Lock()
	g.conf = next
	g.mu.Unlock()
	if again && g.serve {
		g.s.log.Info("the settings of the node changed; it starts anew")
		g.end(errAgain)
		return nil
	}
	g.folders(changes)
	return nil
}

// restarts reports whether new settings need another node, and that it can be.
func (s *session) restarts(before, next *config.Config) (bool, error) {
	old, now := s.flags.settings(before), s.flags.settings(next)
	if old == now {
		return false, nil
	}
	if now.listen != old.listen && now.listen != "" {
		sockets, err := s.p.openSockets(now.listen, now.transport)
		if err != nil {
			return false, err
		}
		sockets.close()
	}
	return true, nil
}

// folders applies what changes of the folders. g.work is held.
func (g *manager) folders(changes config.Changes) {
	g.remove(changes.Removed)
	todo := map[*unit]config.FolderChange{}
	for _, ch := range changes.Changed {
		if u := g.unitOf(ch.Old.Path); u != nil {
			todo[u] = ch
		}
	}
	g.each(slices.Collect(maps.Keys(todo)), func(u *unit) { g.changed(u, todo[u]) })
	if !g.serve {
		return
	}
	var added []*unit
	for _, f := range changes.Added {
		added = append(added, &unit{conf: f, err: errOpening})
	}
	g.mu.Lock()
	g.units = append(g.units, added...)
	g.mu.Unlock()
	g.each(added, func(u *unit) { _ = g.start(u) }) // why it failed is in its status
}

// remove closes what is no longer in config.yaml.
func (g *manager) remove(folders []config.Folder) {
	var gone []*unit
	for _, f := range folders {
		if u := g.unitOf(f.Path); u != nil {
			gone = append(gone, u)
		}
	}
	if !g.serve && len(gone) > 0 {
		g.end(errForgotten)
		return
	}
	g.each(gone, func(u *unit) {
		g.close(u, nil)
		g.s.log.Info("the folder is no longer in config.yaml; not synced any more", "folder", u.conf.Path)
	})
	g.mu.Lock()
	g.units = slices.DeleteFunc(g.units, func(u *unit) bool { return slices.Contains(gone, u) })
	g.mu.Unlock()
}

// changed applies other settings of a unit. u.work is held.
func (g *manager) changed(u *unit, ch config.FolderChange) {
	g.mu.Lock()
	u.conf = ch.New
	g.mu.Unlock()
	parts := g.partsOf(u)
	if ch.Restart() || len(parts) == 0 {
		g.close(u, errOpening) // nor is it forgotten until it runs again, nor well
		_ = g.start(u)         // why it failed is in its status
		return
	}
	if ch.Old.Paused != ch.New.Paused {
		g.setPaused(parts, ch.New.Paused)
	}
}

func (g *manager) setPaused(parts []*managed, paused bool) {
	ctx, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	for _, m := range parts {
		if err := m.SetPaused(ctx, paused); err != nil {
			g.s.log.Warn("the folder does not come to rest", "folder", m.entry.Dir, "error", err)
		}
	}
	g.s.refresh()
}

// unitOf is the unit of an entry of config.yaml, nil if this run has none.
func (g *manager) unitOf(path string) *unit {
	if !g.serve && (g.only == "" || !sameDir(path, g.only)) {
		return nil
	}
	for _, u := range g.all() {
		if sameDir(u.conf.Path, path) {
			return u
		}
	}
	return nil
}

// resume starts what has stopped, of one directory or with "" of all; what the
// brake stopped only with another brake, which then holds for this run, or when
// a person has decided about it.
func (g *manager) resume(q applyRequest) {
	g.each(g.all(), func(u *unit) {
		other := u.conf.To != "" && sameDir(u.conf.To, q.Folder)
		if q.Folder != "" && !sameDir(u.conf.Path, q.Folder) && !other {
			return
		}
		if q.Brake != nil {
			u.brake = q.Brake
		}
		if err := g.errOf(u); mayHelp(err) || err != nil && (q.Brake != nil || q.Answered) {
			_ = g.start(u) // why it failed is in its status
		}
	})
}
