# A base image for Node.js functions, also as a Lambda image:
#   FROM rouse/nodejs20.x
#   COPY index.js ${LAMBDA_TASK_ROOT}/
#   CMD ["index.handler"]
ARG BASE=node:20-slim
FROM ${BASE}
ARG CONTENT=
COPY bootstrap/node /var/runtime/node
# On AWS /bin/sh is bash, which scripts count on, and import finds what layers
# bring, as require does by NODE_PATH: these are where it looks beyond /var/task.
RUN mkdir -p /var/task /opt \
 && echo 'sbx_user1051:x:1051:1051::/home/sbx_user1051:/sbin/nologin' >>/etc/passwd \
 && echo 'sbx_user1051:x:1051:' >>/etc/group \
 && if command -v bash; then ln -sf "$(command -v bash)" /bin/sh; fi \
 && ln -s "/opt/nodejs/node$(node -p 'process.versions.node.split(".")[0]')/node_modules" /var/node_modules \
 && ln -s /opt/nodejs/node_modules /node_modules \
 && ln -s "$(command -v node)" /var/runtime/interpreter
ENV LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime LANG=C.UTF-8
WORKDIR /var/task
# An entry point of the base would come first.
ENTRYPOINT ["/var/runtime/interpreter", "/var/runtime/node/bootstrap.cjs"]
LABEL org.rousehq.content=${CONTENT}
