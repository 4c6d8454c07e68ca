// Package rules decides who may be invited to a client portal, and says why not.
//
// It is pure: facts, a question and the time go in, a [Decision] comes out. It has no clock, does no I/O and imports
// only the standard library. So you can read and test the whole policy alone. The same functions answer for a live
// request, for a page of a bulk run, for the recheck just before a mail leaves, and for an explanation that sends
// nothing.
//
// Start at table.go: it is the contract's table of rules, in the contract's order.
package rules
