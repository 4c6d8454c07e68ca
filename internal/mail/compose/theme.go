package compose

import _ "embed"

// theme is our own design for Hermes (ADR 8). The default theme is not good enough. Its logo has no alt text, so a
// client whose mail program blocks images sees nothing of the firm. Its grey text is too faint (2:1 in the footer). Its
// text part draws rules of dashes, and its signature has words that the firm did not write.
//
// It uses the fields of Hermes like this. Title is the greeting. Intros[0] is the lead, and the rest is the sender's
// message. Dictionary has the details. The only Action has the instruction and the button. Outros[0] is the expiry.
// Signature is the sender, Copyright the footer. What Hermes has no field for comes from the theme's methods.
type theme struct{ language, colon, decline, declineLink string }

//go:embed theme.html
var themeHTML string

//go:embed theme.txt
var themeText string

func (theme) Name() string              { return "portal-invites" }
func (theme) HTMLTemplate() string      { return themeHTML }
func (theme) PlainTextTemplate() string { return themeText }

// Language gives the templates the language tag of the document.
func (t theme) Language() string { return t.language }

// Colon is what separates a detail's name from its value in the text part.
func (t theme) Colon() string { return t.colon }

// Decline says what to do if the mail was not meant for its reader; "" for nothing.
func (t theme) Decline() string { return t.decline }

// DeclineLink is where; "" for nowhere.
func (t theme) DeclineLink() string { return t.declineLink }
