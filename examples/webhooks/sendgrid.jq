# Turns what SendGrid's Event Webhook says about mails into events for
# `publisher emit --ndjson`. A payload is a list of events. They have the mail's
# Message-ID (smtp-id) and not its firm, so $firm names the firm. A bounce that
# came back later has no smtp-id. Then nobody knows which mail it was: only
# proof about the address counts, and becomes EmailSuppressed.

# An SMTP reply, as MailReported has it.
def reply: (. // "")
  | capture("^(?:smtp;[ \t]*)?(?:(?<code>[245][0-9][0-9])(?:[ -]+|$))?(?:(?<enhanced>[245]\\.[0-9]{1,3}\\.[0-9]{1,3})(?:[ :]+|$))?(?<said>(.|\n)*)$")
  | ([.code, .enhanced] | map(select(. != null and . != "")) | join(" ")) as $code
  | (if $code == "" then {} else {code: $code} end) + (if .said == "" then {} else {said: .said[0:2000]} end);

.[]
| {bounce: "bounced", dropped: "bounced", delivered: "delivered", deferred: "delayed", spamreport: "complained"}[.event] as $kind
| select($kind)
# SendGrid drops mails by lists of its own, which prove nothing about the mailbox.
| (if .event == "dropped" then {said: "the address is on the suppression list of SendGrid: \(.reason // "no reason given")"}
   elif $kind == "complained" then {}
   else ((.reason // .response) | reply) as $reply
     | (if $reply.code == null and (.status // "" | test("^[245]\\.[0-9]{1,3}\\.[0-9]{1,3}$")) then {code: .status} else {} end)
       + $reply
   end) as $reply
| (.["smtp-id"] // "" | ltrimstr("<") | rtrimstr(">")) as $mail
| (if $kind == "complained" then "complaint"
   elif .event == "bounce" and .type == "bounce" and ($reply.code // "" | test("(^| )5\\.1\\.(1|2|3|6|10)$")) then "bounce"
   else null end) as $suppresses
| (.timestamp | todate) as $at
| {specversion: "1.0", source: "sendgrid", id: .sg_event_id, time: $at, firm: $firm}
  + (if $mail != "" then
      {type: "portal.MailReported.v1",
       data: ({$kind, message_id: $mail, email, at: $at, reporter: "sendgrid"} + $reply)}
    elif $suppresses then
      {type: "portal.EmailSuppressed.v1", data: {email, cause: $suppresses}}
    else empty end)
