# Turns what Resend says about mails into events for `publisher emit --ndjson`.
# $firm names the firm if the payload does not have the mail's headers. Without
# the Message-ID, nobody knows which mail it was: then only proof about the
# address counts, and becomes EmailSuppressed.

# An SMTP reply, as MailReported has it.
def reply: (. // "")
  | capture("^(?:smtp;[ \t]*)?(?:(?<code>[245][0-9][0-9])(?:[ -]+|$))?(?:(?<enhanced>[245]\\.[0-9]{1,3}\\.[0-9]{1,3})(?:[ :]+|$))?(?<said>(.|\n)*)$")
  | ([.code, .enhanced] | map(select(. != null and . != "")) | join(" ")) as $code
  | (if $code == "" then {} else {code: $code} end) + (if .said == "" then {} else {said: .said[0:2000]} end);

# The value of one of the mail's headers.
def header(name): first(.data.headers[]? | select(.name | ascii_downcase == name).value) // null;

{"email.bounced": "bounced", "email.suppressed": "bounced", "email.delivered": "delivered",
 "email.delivery_delayed": "delayed", "email.complained": "complained"}[.type] as $kind
| select($kind)
| (.data.bounce // {}) as $bounce
| ([$bounce.diagnosticCode // empty] | flatten | .[0]) as $diagnostic
# An automatic answer, such as a vacation note, is neither a bounce nor a delay.
| select(.type != "email.bounced" or $bounce.type == "Permanent" or $diagnostic)
# Resend's own list proves nothing about the mailbox.
| (if .type == "email.suppressed" or ($bounce.subType // "" | test("Suppress"))
   then {said: "the address is on the suppression list of Resend"}
   elif $kind == "bounced" then ($diagnostic // $bounce.message) | reply
   else {} end) as $reply
| (header("x-portal-firm") // $firm) as $firm
| ((.data.message_id // header("message-id") // "") | ltrimstr("<") | rtrimstr(">")) as $mail
| (if $kind == "complained" then "complaint"
   elif ($reply.code // "" | test("(^| )5\\.1\\.(1|2|3|6|10)$")) then "bounce"
   else null end) as $suppresses
| . as $event
| .data.to | to_entries[]
| {specversion: "1.0", source: "resend", id: "\($event.data.email_id).\($event.type).\($event.created_at).\(.key)",
   time: $event.created_at, firm: $firm}
  + (if $mail != "" then
      {type: "portal.MailReported.v1",
       data: ({$kind, message_id: $mail, email: .value, at: $event.created_at, reporter: "resend"} + $reply)}
    elif $suppresses then
      {type: "portal.EmailSuppressed.v1", data: {email: .value, cause: $suppresses}}
    else empty end)
