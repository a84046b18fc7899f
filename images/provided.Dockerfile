# A base image for functions that bring their own executable, named bootstrap.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
ARG CONTENT=
RUN mkdir -p /var/task /var/runtime /opt \
 && echo 'sbx_user1051:x:1051:1051::/home/sbx_user1051:/sbin/nologin' >>/etc/passwd \
 && echo 'sbx_user1051:x:1051:' >>/etc/group \
 && if [ ! -e /etc/ssl/certs/ca-certificates.crt ]; then \
      apt-get update && apt-get install -y --no-install-recommends ca-certificates \
      && rm -rf /var/lib/apt/lists/*; \
    fi
ENV LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime LANG=C.UTF-8
WORKDIR /var/task
ENTRYPOINT ["/var/task/bootstrap"]
LABEL org.rousehq.content=${CONTENT}
