# Serves an ONNX model, /var/task/model.onnx, without Python.
ARG BASE=rouse/provided
FROM ${BASE}
ARG CONTENT=
COPY libonnxruntime.so /usr/local/lib/
COPY rouse-onnx /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/rouse-onnx"]
LABEL org.rousehq.content=${CONTENT}
