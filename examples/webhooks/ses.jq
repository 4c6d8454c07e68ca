# Bounces and complaints of Amazon SES, as an SNS notification or as SES's own
# JSON (raw message delivery), to events for `publisher emit --ndjson`.
# $firm is whose mail it is where the notification does not have its headers.

(if .Type == "Notification" then .Message | fromjson else . end) as $n
| (first($n.mail.headers[]? | select(.name | ascii_downcase == "x-portal-firm").value) // $firm) as $firm
| ($n.notificationType // $n.eventType) as $type
| if $type == "Bounce" and $n.bounce.bounceType == "Permanent" then
    # 5.7.x is said of the sender or the mail, not of the mailbox.
    {cause: "bounce", at: $n.bounce, to: [$n.bounce.bouncedRecipients[] | select((.status // "") | startswith("5.7.") | not)]}
  elif $type == "Complaint" and ($n.complaint.complaintFeedbackType // "abuse") == "abuse" then
    {cause: "complaint", at: $n.complaint, to: $n.complaint.complainedRecipients}
  else empty end
| . as $found
| range(.to | length) as $i
| {
    specversion: "1.0", type: "portal.EmailSuppressed.v1", source: "ses", id: "\($found.at.feedbackId).\($i)",
    time: $found.at.timestamp, firm: $firm, data: {email: $found.to[$i].emailAddress, cause: $found.cause}
  }
