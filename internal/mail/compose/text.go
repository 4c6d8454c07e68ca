package compose

import (
	"cmp"
	"strings"

	"github.com/matcornic/hermes/v2"

	"portal-invites/internal/mail"
	"portal-invites/internal/mergefield"
)

// merge replaces the merge fields of a text by their values.
func merge(text string, inv mail.Invitation, direction hermes.TextDirection) string {
	return mergefield.Fill(text, func(f mergefield.Field) string { return isolate(valueOf(f, inv), direction) })
}

func valueOf(f mergefield.Field, inv mail.Invitation) string {
	switch f {
	case mergefield.ClientName:
		return inv.ClientName
	case mergefield.ContactName:
		// "Dear {{contact.name}}," must not become "Dear ,". The portal is for the client, so the fallback is the client's
		// name.
		return cmp.Or(inv.RecipientName, inv.ClientName)
	case mergefield.FirmName:
		return inv.Firm.Name
	case mergefield.RequestedBy:
		return cmp.Or(inv.RequestedBy, inv.Firm.Name)
	}
	panic("no value for the merge field " + f.Written())
}

// paragraphs are the sender's message, one paragraph a line: people press Enter once or twice between thoughts, and
// mean the same. A line end may split a merge field, so fields are repaired before the lines are split. They are filled
// in afterwards, because OneLine would remove the isolates.
func paragraphs(inv mail.Invitation, direction hermes.TextDirection) []string {
	var list []string
	whole := mergefield.Fill(inv.Message, mergefield.Field.Written)
	for line := range strings.FieldsFuncSeq(whole, isLineEnd) {
		paragraph := merge(mail.OneLine(line), inv, direction)
		if inv.NoContact {
			paragraph = mail.Unlinked(paragraph)
		}
		if paragraph != "" {
			list = append(list, paragraph)
		}
	}
	return list
}

func isLineEnd(r rune) bool {
	return r == '\n' || r == '\r' || r == '\v' || r == '\f' || r == '\u0085' || r == '\u2028' || r == '\u2029'
}

// clean puts every short value on one line, without invisible characters. The message keeps its lines until paragraphs
// splits them.
func clean(inv mail.Invitation) mail.Invitation {
	for _, value := range names(&inv) {
		*value = mail.OneLine(*value)
	}
	together := make([]string, len(inv.Together)) // not in place: the caller's stay as they are
	for i, name := range inv.Together {
		together[i] = mail.OneLine(name)
	}
	inv.Together = together
	return inv
}

// unlinked makes text of the addresses in names, for both parts of a mail. A subject has its own way.
func unlinked(inv mail.Invitation) mail.Invitation {
	for _, value := range names(&inv) {
		*value = mail.Unlinked(*value)
	}
	return inv
}

func names(inv *mail.Invitation) [5]*string {
	return [5]*string{&inv.Firm.Name, &inv.ClientName, &inv.RecipientName, &inv.RequestedBy, &inv.ItemName}
}
