// Package bounce reads what mail systems send back and says which addresses
// must get no more mail.
//
// Two kinds of report count, both of them multipart/report (RFC 6522): the
// delivery status notification of a mail server (RFC 3464, internationalised by
// RFC 6533), and the complaint of a reader as a mailbox provider passes it on
// (RFC 5965). Everything else in a mailbox for bounces, a vacation note or a
// person's answer, is no report.
//
// An address is suppressed only where the report leaves no doubt that the
// mailbox is not there. The cost of a wrong suppression is a client who never
// gets an invite; the cost of none is one more bounce.
//
// Anybody can write into that mailbox, so whatever comes in is taken for
// hostile: it is bounded in size and depth, and nothing of it is repeated but
// codes, ids and masked addresses.
//
// The steps, one file each: input.go and mbox.go find the messages in files,
// mailboxes and maildirs; report.go takes one apart, with status.go and
// complaint.go for what the two kinds say; recipient.go finds out who it was;
// decide.go says what follows, by the table in codes.go; event.go makes the
// event of it.
package bounce
