# A base image for functions that bring their own executable, named bootstrap.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
ARG CONTENT=
# On AWS /bin/sh is bash and there is curl, which bootstraps of shell count on.
RUN mkdir -p /var/task /var/runtime /opt \
 && echo 'sbx_user1051:x:1051:1051::/home/sbx_user1051:/sbin/nologin' >>/etc/passwd \
 && echo 'sbx_user1051:x:1051:' >>/etc/group \
 && if command -v bash; then ln -sf "$(command -v bash)" /bin/sh; fi \
 && if [ ! -e /etc/ssl/certs/ca-certificates.crt ] || ! command -v curl; then \
      apt-get update && apt-get install -y --no-install-recommends ca-certificates curl \
      && rm -rf /var/lib/apt/lists/*; \
    fi
ENV LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime LANG=C.UTF-8
WORKDIR /var/task
ENTRYPOINT ["/var/task/bootstrap"]
LABEL org.rousehq.content=${CONTENT}
