# A base image for Python functions, also as a Lambda image:
#   FROM rouse/python3.11
#   COPY app.py ${LAMBDA_TASK_ROOT}/
#   CMD ["app.handler"]
ARG BASE=python:3.11-slim
FROM ${BASE}
ARG PYTHON=python3.11
ARG CONTENT=
COPY bootstrap/python /var/runtime/python
# AWS's SDK, as in its own runtimes: found last, so that code which brings its own has that.
COPY sdk /var/runtime/sdk
# The interpreter's name becomes a fixed path, since ENTRYPOINT expands nothing.
# On AWS /bin/sh is bash, which scripts count on.
RUN mkdir -p /var/task /opt \
 && echo 'sbx_user1051:x:1051:1051::/home/sbx_user1051:/sbin/nologin' >>/etc/passwd \
 && echo 'sbx_user1051:x:1051:' >>/etc/group \
 && if command -v bash; then ln -sf "$(command -v bash)" /bin/sh; fi \
 && ln -s "$(command -v ${PYTHON})" /var/runtime/interpreter \
 && for name in python python3; do command -v $name || ln -s /var/runtime/interpreter /usr/local/bin/$name; done \
 && ${PYTHON} -m compileall -q --invalidation-mode checked-hash /var/runtime/python \
 && ${PYTHON} -m compileall -q --invalidation-mode unchecked-hash /var/runtime/sdk \
 && ${PYTHON} -c "import os, site; d = site.getsitepackages()[0]; os.makedirs(d, exist_ok=True); open(d + '/sdk.pth', 'w').write('/var/runtime/sdk\\n')"
ENV LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime LANG=C.UTF-8
WORKDIR /var/task
ENTRYPOINT ["/var/runtime/interpreter", "-S", "-u", "/var/runtime/python/bootstrap.py"]
LABEL org.rousehq.content=${CONTENT}
