package compose

import (
	"embed"
	"strings"
	"sync"

	"github.com/matcornic/hermes/v2"
	"golang.org/x/text/language"

	"portal-invites/internal/rules"
	"portal-invites/internal/wording"
)

// A catalog is everything a mail says in one language (ADR 28). catalog/en.yaml says what each phrase is for.
// Placeholders are in {braces}.
type catalog struct {
	tag language.Tag // from the file's name

	wording.Calendar `yaml:",inline"`

	Direction       hermes.TextDirection `yaml:"direction"`
	Colon           string               `yaml:"colon"`
	Greeting        string               `yaml:"greeting"`
	GreetingNobody  string               `yaml:"greeting_nobody"`
	Sender          string               `yaml:"sender"`
	ItemSubject     string               `yaml:"subject_of_item"`
	RemindSubject   string               `yaml:"subject_of_reminder"`
	ExpiringSubject string               `yaml:"subject_of_expiring"`
	ExpiringLead    string               `yaml:"lead_of_expiring"`
	Together        string               `yaml:"together"`
	RemindLead      string               `yaml:"lead_of_reminder"`
	Client          string               `yaml:"client"`
	Due             string               `yaml:"due"`
	Expiry          string               `yaml:"expiry"`
	ValidUntil      string               `yaml:"valid_until"`
	Trouble         string               `yaml:"trouble"`
	Footer          string               `yaml:"footer"`
	FooterReply     string               `yaml:"footer_reply"`
	Decline         string               `yaml:"decline"`
	DeclineThere    string               `yaml:"decline_there"`

	Designs map[rules.Process]phrases `yaml:"designs"`
}

//go:embed catalog/*.yaml
var catalogFiles embed.FS

// ourLanguages are the catalogs, read when the first mail is composed. They are part of the program: a test reads them
// all.
var ourLanguages = sync.OnceValues(func() (*wording.Catalogs[catalog], error) {
	return wording.ReadCatalogs(catalogFiles, "catalog", (*catalog).accept)
})

func (c *catalog) accept(tag language.Tag) error {
	c.tag = tag
	if err := c.Validate(); err != nil {
		return err
	}
	return c.validate()
}

// fill replaces a phrase's placeholders by values. It goes over the phrase once, so that braces in a value stay.
func fill(phrase string, placeholdersAndValues ...string) string {
	return strings.NewReplacer(placeholdersAndValues...).Replace(phrase)
}
