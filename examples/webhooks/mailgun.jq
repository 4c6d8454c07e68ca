# Turns permanent failures and complaints of Mailgun into events for
# `publisher emit --ndjson`. The webhook has only four of the mail's headers,
# so $firm names the firm.

.["event-data"]
| (if .event == "failed" and .severity == "permanent" then
    if .reason == "suppress-complaint" then "complaint"
    elif .reason == "suppress-bounce" then "bounce"
    # Mailgun calls every 5xx permanent. Only codes about the mailbox count.
    elif .["delivery-status"]["enhanced-code"] // "" | test("^5\\.(1\\.(1|2|3|6|10)|2\\.1)$") then "bounce"
    else empty end
  elif .event == "complained" then "complaint"
  else empty end) as $cause
| {
    specversion: "1.0", type: "portal.EmailSuppressed.v1", source: "mailgun", id,
    time: (.timestamp | floor | todate), firm: $firm, data: {email: .recipient, cause: $cause}
  }
