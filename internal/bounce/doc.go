// Package bounce reads the reports that mail systems send back, and decides which addresses must get no more mail.
//
// Two kinds of report count. Both are multipart/report (RFC 6522): the delivery status notification of a mail server
// (RFC 3464, internationalised by RFC 6533), and the complaint of a reader, which a mailbox provider passes on (RFC
// 5965). All other mails in a mailbox for bounces, such as a vacation note or a person's answer, are ignored.
//
// An address is suppressed only if the report leaves no doubt that the mailbox does not exist (ADR 100). A wrong
// suppression costs a client who never gets an invite. A missing one costs one more bounce.
//
// Anybody can write into that mailbox, so every message is treated as hostile. Its size and depth are limited, and only
// codes, ids and masked addresses of it are ever shown.
//
// Each step has a file: input.go and mbox.go find the messages in files, mailboxes and maildirs; report.go reads one,
// with status.go and complaint.go for the two kinds of report; recipient.go finds the address; decide.go decides, by
// the table in codes.go; event.go makes the event.
package bounce
