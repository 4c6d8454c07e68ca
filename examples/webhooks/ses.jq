# Turns what Amazon SES says about mails into events for
# `publisher emit --ndjson`. It reads an SNS notification or SES's own JSON (raw
# message delivery). $firm names the firm if the notification does not have the
# mail's headers. Without them, nobody knows which mail it was: then only proof
# about the address counts, and becomes EmailSuppressed.

# An SMTP reply, as MailReported has it.
def reply: (. // "")
  | capture("^(?:smtp;[ \t]*)?(?:(?<code>[245][0-9][0-9])(?:[ -]+|$))?(?:(?<enhanced>[245]\\.[0-9]{1,3}\\.[0-9]{1,3})(?:[ :]+|$))?(?<said>(.|\n)*)$")
  | ([.code, .enhanced] | map(select(. != null and . != "")) | join(" ")) as $code
  | (if $code == "" then {} else {code: $code} end) + (if .said == "" then {} else {said: .said[0:2000]} end);

(if .Type == "Notification" then .Message | fromjson else . end) as $n
| (first($n.mail.headers[]? | select(.name | ascii_downcase == "x-portal-firm").value) // $firm) as $firm
| (first($n.mail.headers[]? | select(.name | ascii_downcase == "message-id").value) // null) as $mail
| ($n.notificationType // $n.eventType) as $type
| if $type == "Bounce" then
    ($n.bounce | . as $b | .bouncedRecipients | to_entries[]
    # An automatic answer, such as a vacation note, is neither a bounce nor a delay.
    | select(.value.action == "failed" or (.value.status // "" | test("^[45]\\.")) or $b.bounceType == "Permanent")
    # SES' own list proves nothing about the mailbox.
    | (if $b.bounceSubType == "OnAccountSuppressionList" or $b.bounceSubType == "Suppressed"
       then {said: "the address is on the suppression list of Amazon SES"}
       else (.value.diagnosticCode | reply) as $reply
         | (if $reply.code == null and (.value.status // "" | test("^[245]\\.[0-9]{1,3}\\.[0-9]{1,3}$"))
            then {code: .value.status} else {} end) + $reply
       end) as $reply
    | {kind: "bounced", id: "\($b.feedbackId).\(.key)", at: $b.timestamp, to: .value.emailAddress, $reply,
       suppresses: (if $b.bounceType == "Permanent" and ($reply.said // "" | test("suppression list") | not)
         and (.value.status // "" | startswith("5.7.") | not) then "bounce" else null end)})
  elif $type == "Complaint" and ($n.complaint.complaintFeedbackType // "abuse") == "abuse" then
    ($n.complaint | . as $c | .complainedRecipients | to_entries[]
    | {kind: "complained", id: "\($c.feedbackId).\(.key)", at: $c.timestamp, to: .value.emailAddress, reply: {},
       suppresses: "complaint"})
  elif $type == "Delivery" then
    ($n.delivery | . as $d | .recipients | to_entries[]
    | {kind: "delivered", id: "\($n.mail.messageId).delivered.\(.key)", at: $d.timestamp, to: .value,
       reply: ($d.smtpResponse | reply), suppresses: null})
  elif $type == "DeliveryDelay" then
    ($n.deliveryDelay | . as $d | .delayedRecipients | to_entries[]
    | {kind: "delayed", id: "\($n.mail.messageId).delayed.\($d.timestamp).\(.key)", at: $d.timestamp,
       to: .value.emailAddress, reply: (.value.diagnosticCode | reply), suppresses: null})
  else empty end
| {specversion: "1.0", source: "ses", id, time: .at, firm: $firm}
  + (if $mail then
      {type: "portal.MailReported.v1", data: ({kind, message_id: $mail, email: .to, at, reporter: "ses"} + .reply)}
    elif .suppresses then
      {type: "portal.EmailSuppressed.v1", data: {email: .to, cause: .suppresses}}
    else empty end)
