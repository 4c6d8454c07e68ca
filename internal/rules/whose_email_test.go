package rules

import "testing"

// Whom an email means is tried in the order of [Book.Resolve].
func TestWhomAnEmailMeans(t *testing.T) {
	t.Parallel()
	home, moved := email("home@park.example"), email("moved@park.example")
	guest, both := AddedPerson(home.Normal), map[string]Email{"a": home, "b": home}
	on := map[string]Access{"active": {State: Active}, "invited": {State: Invited}, "expired": {State: Expired}}
	for name, c := range map[string]struct {
		emails map[string]Email // of the contacts on the client
		holder Person           // who logs in with home
		access map[Person]string
		want   Person
	}{
		"nobody has it":         {nil, "", nil, guest},
		"one contact":           {map[string]Email{"a": home}, "", nil, "contact:a"},
		"two contacts":          {both, "", nil, "contact:a"},
		"the second logs in":    {both, "contact:b", nil, "contact:b"},
		"the second has access": {both, "", map[Person]string{"contact:b": "active"}, "contact:b"},
		"the second had access": {both, "", map[Person]string{"contact:b": "expired"}, "contact:a"},
		"who logs in has another email": {
			map[string]Email{"a": home, "b": moved}, "contact:b", nil, "contact:b"},
		"who logs in is on another client": {map[string]Email{"a": home}, "contact:z", nil, "contact:a"},
		"who logs in is not listed, and has access": {
			map[string]Email{"a": home}, "contact:z", map[Person]string{"contact:z": "active"}, "contact:z"},
		"who logs in had access": {
			map[string]Email{"a": home}, "contact:z", map[Person]string{"contact:z": "expired"}, "contact:a"},
		"a guest logs in": {map[string]Email{"a": home}, guest, map[Person]string{guest: "invited"}, guest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setTheScene(inviting)
			s.contacts()
			for _, id := range []string{"a", "b"} {
				if e, listed := c.emails[id]; listed {
					s.client().Contacts = append(s.client().Contacts, other(id))
					s.Contacts[ContactKey{acme, id}] = &Contact{ID: id, Email: e}
				}
			}
			if c.holder != "" {
				s.Logins[EmailKey{acme, home.Normal}] = &Login{Person: c.holder, ReservedUntil: Forever}
			}
			for person, state := range c.access {
				access := on[state]
				s.Accesses[AccessKey{acme, bottle, person}] = &access
			}
			s.add(home)
			if got, _ := s.Resolve(s.ask, now); got != c.want {
				t.Errorf("it means %s, want %s", got, c.want)
			}
			if login := s.Logins[EmailKey{acme, home.Normal}]; login != nil {
				login.ReservedUntil = now
				if got, _ := s.Resolve(s.ask, now); got == c.holder && s.Accesses[AccessKey{acme, bottle, got}] == nil {
					t.Errorf("it means %s, whose login is over", got)
				}
			}
		})
	}
}
