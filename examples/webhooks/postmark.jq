# Turns bounces, complaints and reactivations of Postmark into events for
# `publisher emit --ndjson`. $firm names the firm if the webhook does not have
# the bounce's content, which quotes the mail's header.

(first((.Content // "") | capture("(?:^|\n)X-Portal-Firm:[ \t]*(?<firm>[A-Za-z0-9_-]+)"; "i").firm) // $firm) as $firm
| {HardBounce: "bounce", BadEmailAddress: "bounce", SpamComplaint: "complaint"} as $counts
| if .RecordType == "Bounce" or .RecordType == "SpamComplaint" then
    {type: "EmailSuppressed", cause: $counts[.Type], id: "\(.MessageID).\(.Type)", time: .BouncedAt, email: .Email}
  elif .RecordType == "SubscriptionChange" and .SuppressSending and .SuppressionReason == "ManualSuppression" then
    {type: "EmailSuppressed", cause: "manual", id: "\(.MessageID).\(.ChangedAt)", time: .ChangedAt, email: .Recipient}
  elif .RecordType == "SubscriptionChange" and .SuppressSending == false then
    {type: "EmailUnsuppressed", cause: "manual", id: "\(.MessageID).\(.ChangedAt)", time: .ChangedAt, email: .Recipient}
  else empty end
| select(.cause)
| {
    specversion: "1.0", type: "portal.\(.type).v1", source: "postmark", id,
    time, firm: $firm, data: {email, cause}
  }
