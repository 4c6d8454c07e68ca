package ctl

import (
	"os"
	"os/user"
	"regexp"

	"github.com/google/uuid"
)

// requester is the name that a request says it is from: the given one, or else the login on this machine.
func requester(given string) string {
	if given != "" {
		return given
	}
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return name
}

var notInURI = regexp.MustCompile(`[^A-Za-z0-9._~-]+`)

// identity is the source and the id of a request that this command publishes.
func identity() (source, id string) {
	source = name
	if host, err := os.Hostname(); err == nil && host != "" {
		source += "/" + notInURI.ReplaceAllString(host, "-")
	}
	return source, uuid.NewString()
}
