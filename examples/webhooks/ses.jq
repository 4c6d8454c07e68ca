# Turns bounces and complaints of Amazon SES into events for
# `publisher emit --ndjson`. It reads an SNS notification or SES's own JSON (raw
# message delivery). $firm names the firm if the notification does not have the
# mail's headers.

(if .Type == "Notification" then .Message | fromjson else . end) as $n
| (first($n.mail.headers[]? | select(.name | ascii_downcase == "x-portal-firm").value) // $firm) as $firm
| ($n.notificationType // $n.eventType) as $type
| if $type == "Bounce" and $n.bounce.bounceType == "Permanent" then
    # 5.7.x is about the sender or the mail, not about the mailbox.
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
