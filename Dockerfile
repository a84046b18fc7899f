# Rouse in a container: the server and the agent that it places in sandboxes.
# The build needs nothing but the Go modules; the result is two static files.
ARG GO_IMAGE=golang:1.26
ARG BASE=scratch

FROM ${GO_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.release=${VERSION}" -o /out/rouse ./cmd/rouse \
 && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /out/rouse-agent ./cmd/rouse-agent

FROM ${BASE}
COPY --from=build /out/rouse /out/rouse-agent /usr/local/bin/
# The data directory has one path inside and outside, since the engine mounts
# files from it into sandboxes by the path that it sees.
VOLUME /var/lib/rouse
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/rouse"]
CMD ["serve", "--data", "/var/lib/rouse", "--listen", "0.0.0.0:8080", "--insecure"]
