package config

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

const grouped = `name: x # mine
folders:
  # first
  - path: ~/a # one
    # inside
    profile: work # w
    label: |-
      the

      label
  - path: ~/b
  -
    profile: work
    id: ` + testID + `
    path: ~/c
`

func TestProfiles(t *testing.T) {
	c := parsed(t, strings.Replace(grouped, "the\n\n      label", "label", 1))
	if got := c.Profiles(); !slices.Equal(got, []string{"work"}) {
		t.Errorf("the profiles are %v", got)
	}
	if in := c.InProfile("work"); len(in) != 2 || in[0].Path != root("home", "u", "a") || in[1].Path != root("home", "u", "c") {
		t.Errorf("in it are %v", in)
	}
	if in := c.InProfile("home"); in != nil {
		t.Errorf("in a profile that is not there are %v", in)
	}
	text, err := c.Export("work")
	if err != nil {
		t.Fatal(err)
	}
	want := `# A profile of qsync: 'qsync profile load' adds these folders to config.yaml.
folders:
  - path: ~/a # one
    # inside
    # w
    label: |-
      label
  - id: ` + testID + `
    path: ~/c
`
	if string(text) != want {
		t.Errorf("it is saved as\n%s, want\n%s", text, want)
	}

	profile, err := ReadProfile(text, testSource)
	if err != nil {
		t.Fatal(err)
	}
	same, added, err := c.Import(profile, "work")
	if err != nil || added != 0 || same != c {
		t.Errorf("loading what is there: %d, %v", added, err)
	}
	next, added, err := parsed(t, "name: y\nfolders:\n    - path: ~/z\n").Import(profile, "home")
	if err != nil || added != 2 {
		t.Fatalf("%d are added: %v", added, err)
	}
	want = `name: y
folders:
    - path: ~/z
    - path: ~/a # one
      # inside
      # w
      label: |-
        label
      profile: home
    - id: ` + testID + `
      path: ~/c
      profile: home
`
	if string(next.Bytes()) != want {
		t.Errorf("it is loaded as\n%s, want\n%s", next.Bytes(), want)
	}
}

func TestProfileErrors(t *testing.T) {
	c := parsed(t, "folders:\n- path: ~/a\n- path: ~/b\n  profile: p\n- path: ~/d\n  id: "+testID+"\n")
	if _, err := c.Export("q"); !errors.Is(err, ErrNoProfile) || !strings.Contains(err.Error(), "'q'") {
		t.Errorf("saving an empty profile: %v", err)
	}
	if _, err := ReadProfile([]byte("name: x\nfolders: []\n"), testSource); err == nil || err.Error() != "config.yaml:1:1: a profile holds folders and nothing else; 'name' belongs into config.yaml" {
		t.Errorf("a profile with more than folders: %v", err)
	}
	if p, err := ReadProfile(nil, testSource); err != nil || len(p.Folders) != 0 {
		t.Errorf("an empty profile: %v", err)
	}
	if _, err := ReadProfile([]byte("x"), testSource); err == nil {
		t.Error("nonsense is a profile")
	}
	profile, err := ReadProfile([]byte("folders:\n- path: ~/a\n  versions: 9\n"), testSource)
	if err != nil {
		t.Fatal(err)
	}
	for text, line := range map[string]string{"- path: ~/b\n": "3", "- path: ~/d\n  id: " + testID[1:] + testID[:1] + "\n": "5"} {
		otherwise, err := ReadProfile([]byte("folders:\n"+text), testSource)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Import(otherwise, "q"); err == nil || !strings.Contains(err.Error(), "is there already (line "+line+")") {
			t.Errorf("loading a folder that is there otherwise: %v", err)
		}
	}
	next, added, err := c.Import(profile, "p")
	if err != nil || added != 1 || string(next.Bytes()) != strings.Replace(string(c.Bytes()), "- path: ~/a\n", "- path: ~/a\n  profile: p\n", 1) {
		t.Errorf("loading a folder of no profile: %d, %v", added, err)
	}
	if _, _, err := c.Import(profile, "../p"); err == nil || !strings.Contains(err.Error(), "give a name of") {
		t.Errorf("loading as ../p: %v", err)
	}
	flow := parsed(t, "folders: [{path: ~/c, profile: p}]\n")
	if _, err := flow.Export("p"); !errors.Is(err, ErrByHand) {
		t.Errorf("saving what is in brackets: %v", err)
	}
	if _, _, err := c.Import(flow, "p"); !errors.Is(err, ErrByHand) {
		t.Errorf("loading what is in brackets: %v", err)
	}
}
