package api

import "time"

// group holds every endpoint: the firm is the fourth token.
const group = "portal.api.v1.*"

// deadline is for one request. Only a selection of many thousands comes near it.
const deadline = 20 * time.Second

// Subject is where a firm's endpoint is asked.
func Subject(firm, endpoint string) string { return "portal.api.v1." + firm + "." + endpoint }
