# syntax=docker/dockerfile:1

# One image with every command but standalone, which brings a PostgreSQL along
# and so can't run here. Which one runs is the entrypoint's choice; compose.yaml
# names the image as here:
#   docker build --tag portal-invites:local .
#   docker run --rm --entrypoint /bulk-worker portal-invites:local --help
FROM golang:1.26.11-alpine AS build
WORKDIR /src

# The modules first: they change seldom, and this layer is reused until they do.
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download

COPY . .
ARG VERSION=unknown
# Static, without the paths of this machine: the same source makes the same bytes.
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    mkdir /out && CGO_ENABLED=0 go build -trimpath \
      -ldflags "-s -w -X portal-invites/internal/app.Version=${VERSION}" -o /out/ \
      ./cmd/invite-worker ./cmd/bulk-worker ./cmd/publisher ./cmd/invitectl ./cmd/console

# Nothing but the binaries and the certificate authorities that SMTP, NATS and
# Postgres over TLS are checked against. There is no shell to break into.
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/ /
# By number, because there is no /etc/passwd here and Kubernetes' runAsNonRoot
# cannot judge a name.
USER 65532:65532
# HTTP_ADDR: /livez, /readyz, /metrics.
EXPOSE 8080
ENTRYPOINT ["/invite-worker"]
