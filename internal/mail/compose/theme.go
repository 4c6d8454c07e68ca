package compose

import _ "embed"

// theme is our own design for Hermes. Its default one was not enough: the logo
// has no alt text, so a client whose mail program blocks images sees nothing of
// the firm; the grey text is too faint (2:1 in the footer); and the text part
// draws rules of dashes and signs with words the firm did not write.
//
// It reads the fields of Hermes like this: Title greets. Intros[0] is the lead
// and the rest is the sender's message. Dictionary holds the details, the one
// Action the instruction and the button, Outros[0] the expiry. Signature is who
// sent it, Copyright the footer. What Hermes has no field for, the theme's
// methods give.
type theme struct{ language, colon string }

//go:embed theme.html
var themeHTML string

//go:embed theme.txt
var themeText string

func (theme) Name() string              { return "portal-invites" }
func (theme) HTMLTemplate() string      { return themeHTML }
func (theme) PlainTextTemplate() string { return themeText }

// Language is what the templates ask for the document's language tag.
func (t theme) Language() string { return t.language }

// Colon is what stands in the text part between a detail's name and its value.
func (t theme) Colon() string { return t.colon }
