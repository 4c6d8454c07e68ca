package oracle

import (
	"encoding/json"
	"slices"
	"strings"
)

// history is what the facts have said about each thing, by firm and id, in the stream's order.
type history struct {
	firms, contacts, clients, blocks map[string][]version
}

// version is what one fact says about a thing.
type version struct {
	sequence uint64
	isGone   bool     // removed; of a client also archived; of a block: lifted
	email    string   // of a contact
	contacts []string // of a client
}

func newHistory() history {
	return history{
		firms: map[string][]version{}, contacts: map[string][]version{}, clients: map[string][]version{},
		blocks: map[string][]version{},
	}
}

func key(firm, id string) string { return firm + "/" + id }

func normal(email string) string { return strings.ToLower(strings.TrimSpace(email)) }

func (h history) add(sequence uint64, firm, typ string, body []byte) error {
	var fact struct {
		Client   string `json:"client_id"`
		Contact  string `json:"contact_id"`
		Email    string
		Active   *bool
		Contacts []recipient
	}
	if err := json.Unmarshal(body, &fact); err != nil {
		return err
	}
	v := version{sequence: sequence, email: normal(fact.Email)}
	switch typ {
	case "FirmUpserted":
		h.firms[firm] = append(h.firms[firm], v)
	case "ContactUpserted", "ContactRemoved":
		v.isGone = typ == "ContactRemoved"
		h.contacts[key(firm, fact.Contact)] = append(h.contacts[key(firm, fact.Contact)], v)
	case "ClientUpserted", "ClientRemoved":
		v.isGone = typ == "ClientRemoved" || fact.Active != nil && !*fact.Active
		for _, c := range fact.Contacts {
			v.contacts = append(v.contacts, c.Contact)
		}
		h.clients[key(firm, fact.Client)] = append(h.clients[key(firm, fact.Client)], v)
	case "EmailSuppressed", "EmailUnsuppressed":
		v.isGone = typ == "EmailUnsuppressed"
		h.blocks[key(firm, v.email)] = append(h.blocks[key(firm, v.email)], v)
	default: // a template, or who has access: no check needs them
	}
	return nil
}

// since returns what was known at a place of the stream, if anything was, and all that came after it.
func since(versions []version, place uint64) []version {
	first := 0
	for i, v := range versions {
		if v.sequence <= place {
			first = i
		}
	}
	return versions[first:]
}

// at returns what was known at a place of the stream; gone, if nothing was.
func at(versions []version, place uint64) version {
	known := version{isGone: true}
	for _, v := range versions {
		if v.sequence <= place {
			known = v
		}
	}
	return known
}

// mayMail says whether a contact may be mailed for a client to this email, on the facts at a place of the stream or at
// any later one.
func (h history) mayMail(firm, client, contact, email string, place uint64) bool {
	things := [][]version{
		h.contacts[key(firm, contact)], h.clients[key(firm, client)], h.blocks[key(firm, normal(email))],
	}
	places := []uint64{place}
	for _, versions := range things {
		for _, v := range versions {
			if v.sequence > place {
				places = append(places, v.sequence)
			}
		}
	}
	return slices.ContainsFunc(places, func(place uint64) bool {
		person, portal, block := at(things[0], place), at(things[1], place), at(things[2], place)
		return !person.isGone && person.email == normal(email) &&
			!portal.isGone && slices.Contains(portal.contacts, contact) && block.isGone
	})
}
