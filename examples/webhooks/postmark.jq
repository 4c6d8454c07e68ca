# Turns bounces, complaints and reactivations of Postmark into events for
# `publisher emit --ndjson`. $firm names the firm if the webhook does not have
# the bounce's content, which quotes the mail's header. Without the content,
# nobody knows which mail it was: then only proof about the address counts, and
# becomes EmailSuppressed.

# An SMTP reply, as MailReported has it.
def reply: (. // "")
  | capture("^(?:smtp;[ \t]*)?(?:(?<code>[245][0-9][0-9])(?:[ -]+|$))?(?:(?<enhanced>[245]\\.[0-9]{1,3}\\.[0-9]{1,3})(?:[ :]+|$))?(?<said>(.|\n)*)$")
  | ([.code, .enhanced] | map(select(. != null and . != "")) | join(" ")) as $code
  | (if $code == "" then {} else {code: $code} end) + (if .said == "" then {} else {said: .said[0:2000]} end);

(.Content // "") as $content
| (first($content | capture("(?:^|\n)X-Portal-Firm:[ \t]*(?<firm>[A-Za-z0-9_-]+)"; "i").firm) // $firm) as $firm
| (first($content | capture("(?:^|\n)Message-ID:[ \t\r\n]*<(?<id>[^>\r\n]+)>"; "i").id) // null) as $mail
| {HardBounce: "bounced", BadEmailAddress: "bounced", SoftBounce: "bounced", Blocked: "bounced",
   SpamNotification: "bounced", DMARCPolicy: "bounced", DnsError: "bounced", Unknown: "bounced",
   Transient: "delayed", SpamComplaint: "complained"} as $kinds
| {HardBounce: "bounce", BadEmailAddress: "bounce", SpamComplaint: "complaint"} as $counts
| if .RecordType == "Bounce" or .RecordType == "SpamComplaint" then
    {kind: $kinds[.Type], cause: $counts[.Type], id: "\(.MessageID).\(.Type)", time: .BouncedAt, email: .Email,
     # Postmark knows better than the code why a hard bounce is one, where it quotes no reply.
     reply: (.Type as $type | if $type == "SpamComplaint" then {} else (.Details | reply)
       | if .code == null and $counts[$type] == "bounce" then . + {code: "5.1.1"} else . end end)}
  elif .RecordType == "SubscriptionChange" and .SuppressSending and .SuppressionReason == "ManualSuppression" then
    {type: "EmailSuppressed", cause: "manual", id: "\(.MessageID).\(.ChangedAt)", time: .ChangedAt, email: .Recipient}
  elif .RecordType == "SubscriptionChange" and .SuppressSending == false then
    {type: "EmailUnsuppressed", cause: "manual", id: "\(.MessageID).\(.ChangedAt)", time: .ChangedAt, email: .Recipient}
  else empty end
| {specversion: "1.0", source: "postmark", id, time, firm: $firm}
  + (if $mail and .kind then
      {type: "portal.MailReported.v1",
       data: ({kind, message_id: $mail, email, at: .time, reporter: "postmark"} + .reply)}
    elif .cause then
      {type: "portal.\(.type // "EmailSuppressed").v1", data: {email, cause}}
    else empty end)
