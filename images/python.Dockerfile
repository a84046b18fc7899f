# A base image for Python functions, also as a Lambda image:
#   FROM rouse/python3.11
#   COPY app.py ${LAMBDA_TASK_ROOT}/
#   CMD ["app.handler"]
ARG BASE=python:3.11-slim
FROM ${BASE}
ARG PYTHON=python3.11
ARG CONTENT=
COPY bootstrap/python /var/runtime/python
# The interpreter's name becomes a fixed path, since ENTRYPOINT expands nothing.
RUN mkdir -p /var/task /opt \
 && ln -s "$(command -v ${PYTHON})" /var/runtime/interpreter \
 && for name in python python3; do command -v $name || ln -s /var/runtime/interpreter /usr/local/bin/$name; done \
 && ${PYTHON} -m compileall -q --invalidation-mode checked-hash /var/runtime/python
ENV LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime LANG=C.UTF-8
WORKDIR /var/task
ENTRYPOINT ["/var/runtime/interpreter", "-S", "-u", "/var/runtime/python/bootstrap.py"]
LABEL org.rousehq.content=${CONTENT}
