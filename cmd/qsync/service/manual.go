package service

import (
	"fmt"
	"strings"
)

// Manual says how the program starts by itself on a system without systemd. goos
// is runtime.GOOS. It ends with a line break.
func Manual(goos, program, home string) string {
	switch goos {
	case "darwin":
		return fmt.Sprintf(`launchd starts it at every login. Put this into
~/Library/LaunchAgents/qsync.plist:

%s
and then type once:

  launchctl bootstrap gui/$(id -u) ~/Library/LaunchAgents/qsync.plist

To stop and remove it:

  launchctl bootout gui/$(id -u)/qsync; rm ~/Library/LaunchAgents/qsync.plist
`, plist(program, home))
	case "windows":
		return fmt.Sprintf(`The Task Scheduler starts it at every logon. Type once:

  schtasks /Create /TN qsync /SC ONLOGON /TR %s
  schtasks /Run /TN qsync

To stop and remove it: schtasks /End /TN qsync, schtasks /Delete /TN qsync.
('sc create' does not work: qsync does not speak the service protocol.)
`, windowsCommand(program, home))
	case "android":
		return fmt.Sprintf(`Termux:Boot (an app of its own) starts it with the phone. Put these lines into
~/.termux/boot/qsync, and make it executable (chmod 700):

  #!/data/data/com.termux/files/usr/bin/sh
  termux-wake-lock
  exec %s serve --home %s
`, shellWord(program), shellWord(home))
	}
	return fmt.Sprintf(`cron starts it with the machine. Type 'crontab -e' and add the line:

  @reboot %s serve --home %s --log-file %s

cron does not start it again when it ends; a supervisor such as runit, OpenRC
or supervisord does, with the same command.
`, cronWord(program), cronWord(home), cronWord(home+"/qsync.log"))
}

func plist(program, home string) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
  <key>Label</key><string>qsync</string>
  <key>ProgramArguments</key><array>
`)
	for _, word := range []string{program, "serve", "--home", home} {
		fmt.Fprintf(&b, "    <string>%s</string>\n", xmlText(word))
	}
	fmt.Fprintf(&b, `  </array>
  <key>RunAtLoad</key><true/>
  <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>
  <key>ThrottleInterval</key><integer>10</integer>
  <key>Umask</key><integer>63</integer>
  <key>StandardErrorPath</key><string>%s/qsync.log</string>
</dict></plist>
`, xmlText(home))
	return b.String()
}

func xmlText(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

// windowsCommand is one argument of schtasks that holds a quoted program.
func windowsCommand(program, home string) string {
	return fmt.Sprintf(`"\"%s\" serve --home \"%s\""`, program, home)
}

func shellWord(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// cronWord is a word of a crontab line, where a plain % ends the command.
func cronWord(word string) string { return strings.ReplaceAll(shellWord(word), "%", `\%`) }
