package pages

import "portal-invites/internal/api"

// entry is an entry of the navigation.
type entry struct {
	Name, Path string
	Chosen     bool
}

// Nav are the pages that a person can go to from here.
func (f *frame) Nav() (list []entry) {
	add := func(section, path string) {
		list = append(list, entry{f.T("nav." + section), path, f.Section == section})
	}
	if f.Who.Name == "" {
		return nil
	}
	if f.Firm != "" && f.Firm != api.AllFirms {
		add("clients", f.URL("clients"))
		add("runs", f.URL("runs"))
		if f.Who.Replays(f.Firm) {
			add("fix", f.URL("fix"))
		}
		add("preview", f.URL("preview"))
		add("templates", f.URL("templates"))
	}
	if f.Firm != "" && f.Who.Ops {
		add("letters", f.URL("letters"))
		add("held", f.URL("held"))
	}
	if f.Who.Ops {
		add("all", "/ops")
		add("senders", "/ops/senders")
	}
	if f.Who.Ops || f.Who.EveryFirm || len(f.Who.Firms) > 1 {
		add("firms", "/")
	}
	return list
}

// MayLogOut says whether the console itself has logged the person in.
func (f *frame) MayLogOut() bool { return f.site.LoginBy != ByProxy }
