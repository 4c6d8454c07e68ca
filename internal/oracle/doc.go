// Package oracle says whether the pipeline has kept its promises, and sees only what anybody can see from outside: the
// three streams, the mails that arrived, and the tables (by SQL). It imports nothing of the pipeline, so it can't share
// an error with it. Give it what was seen after everything has come to rest ([Read] reads streams and tables), and it
// returns what is wrong.
//
// docs/testing.md lists the checks. Each has a file of its own, and a test that proves that it can fail.
package oracle
