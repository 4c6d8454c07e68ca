// Package wording says in the office's language why an invite did not go out, what to do about it, and how things are
// with a person (ADR 137). Whoever decides gives a code and names; the words come from a catalog when they are told.
package wording
