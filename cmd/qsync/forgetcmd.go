package main

// Run stops syncing a folder and takes it out of the home. The user's files are
// not touched.
func (c *forgetCmd) Run(p *program) error {
	h, err := p.existingHome()
	if err != nil {
		return err
	}
	path, err := admin{home: h}.forget(c.Dir)
	if err != nil {
		return err
	}
	p.ui.say("forgot %s; its files are as they were", quote(path))
	return nil
}
