# Turns what Mailgun says about mails into events for
# `publisher emit --ndjson`. The webhook has only four of the mail's headers,
# so $firm names the firm.

.["event-data"]
| .["delivery-status"] as $status
| ({failed: (if .severity == "permanent" then "bounced" else "delayed" end),
    delivered: "delivered", complained: "complained"}[.event]) as $kind
| select($kind)
# Mailgun's own list proves nothing about the mailbox.
| (if $kind == "bounced" and (.reason // "" | startswith("suppress-"))
   then {said: "the address is on the suppression list of Mailgun"}
   elif $kind == "complained" then {}
   else
     ([($status.code | tostring | select(test("^[245][0-9][0-9]$"))),
       ($status["enhanced-code"] // "" | select(test("^[245]\\.[0-9]{1,3}\\.[0-9]{1,3}$")))] | join(" ")) as $code
     | ([$status.message, $status.description] | map(select(. != null and . != "")) | (.[0] // "")[0:2000]) as $said
     | (if $code == "" then {} else {code: $code} end) + (if $said == "" then {} else {$said} end)
   end) as $reply
| (.timestamp | floor | todate) as $at
| {
    specversion: "1.0", type: "portal.MailReported.v1", source: "mailgun", id, time: $at, firm: $firm,
    data: ({$kind, message_id: .message.headers["message-id"], email: .recipient, at: $at, reporter: "mailgun"} + $reply)
  }
