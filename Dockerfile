# The service in a container: its dependencies, its code and its models; no compiler, pip or tests.
#   docker build --tag denoiser:cpu .
#   docker build --tag denoiser:gpu --build-arg ACCELERATOR=gpu .    for NVIDIA
#   docker build --tag denoiser:openvino --build-arg ENGINE=openvino .    for processors, without TensorFlow
#
# In the CPU image, about 1.28 GB: TensorFlow 0.70, everyone's bytecode 0.12, the base 0.12, imagecodecs 0.09,
# NumPy 0.05, pillow-heif 0.03, sixty smaller packages 0.16, our code and models 0.01. The GPU image has 4.8 GB of CUDA besides.
# Without TensorFlow, packages with their bytecode take 0.34 GB instead of 1.08.

# To build on just one base, add its digest, @sha256:..., to the tag, in both places:
# `docker buildx imagetools inspect python:3.13-slim-trixie` names it.

FROM python:3.13-slim-trixie AS dependencies
ARG ACCELERATOR=cpu
ARG ENGINE=tensorflow
# "yes" adds what images between object stores need: 0.25 GB.
ARG CLOUD=no
RUN apt-get update && apt-get install --yes --no-install-recommends binutils
COPY requirements*.lock /tmp/
RUN case "$ENGINE on $ACCELERATOR" in \
        "tensorflow on cpu") lock=requirements.lock ;; \
        "tensorflow on gpu") lock=requirements-gpu.lock ;; \
        "openvino on cpu") lock=requirements-openvino.lock ;; \
        *) echo "tensorflow on cpu or gpu, or openvino on cpu, not $ENGINE on $ACCELERATOR"; exit 2 ;; \
    esac \
    && python -m venv --without-pip /opt/denoiser \
    && python -m pip --python /opt/denoiser/bin/python install --no-cache-dir --requirement "/tmp/$lock" \
        $([ "$CLOUD" = no ] || echo --requirement /tmp/requirements-cloud.lock)
# Half of TensorFlow's wheels is for those who compile: C++ headers, libclang, symbol tables.
RUN python -m pip --python /opt/denoiser/bin/python uninstall --yes libclang setuptools wheel \
    && rm -rf /opt/denoiser/lib/python3.*/site-packages/tensorflow/include \
    && find /opt/denoiser -path '*/tensorflow/*' -name '*.so*' -type f -exec strip --strip-unneeded {} +
# Half of OpenVINO's is for other devices and other files than ours; what is imported of it stays.
RUN cd /opt/denoiser/lib/python3.*/site-packages && rm -rf openvino_telemetry* \
        openvino/cmake openvino/include openvino/torch openvino/tools openvino/libs/cache.json \
        openvino/libs/*_gpu_plugin* openvino/libs/*_npu_plugin* openvino/libs/*_frontend.so* \
        openvino/libs/*_auto_*plugin* openvino/libs/*_hetero_plugin* openvino/libs/libopenvino_c.so*

# Apart from the dependencies, so that a change of the code makes a layer of kilobytes.
FROM dependencies AS service
COPY pyproject.toml README.md LICENSE /src/
COPY denoiser /src/denoiser
COPY denoiser_client /src/denoiser_client
COPY models /src/models
COPY app /src/app
RUN python -m pip --python /opt/denoiser/bin/python install --no-cache-dir --no-deps --prefix /service /src \
    && mv /service/lib/python3.*/site-packages/denoiser/code/models /models

FROM python:3.13-slim-trixie
# The base image's library has no bytecode, and nobody may write any later: a start, and each health
# check, would compile it anew.
RUN rm -rf /usr/local/lib/python3.*/site-packages/pip* /usr/local/bin/pip* \
    && python -m compileall -qq "$(python -c 'import os; print(os.path.dirname(os.__file__))')"
COPY --from=dependencies /opt/denoiser /opt/denoiser
COPY --from=service /service /opt/denoiser
COPY --from=service /models /models
ENV PATH=/opt/denoiser/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DENOISER_HOST=0.0.0.0 \
    DENOISER_PORT=8000 \
    DENOISER_MODELS_DIR=/models
USER 10001:10001
EXPOSE 8000
# http.client, because urllib would ask a proxy that the container was given.
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 CMD ["python", "-c", "\
from http.client import HTTPConnection; \
service = HTTPConnection('127.0.0.1', 8000, timeout=4); \
service.request('GET', '/health/ready'); \
raise SystemExit(service.getresponse().status != 200)"]
CMD ["denoiser", "serve"]

ARG REVISION=unknown
LABEL org.opencontainers.image.title="denoiser" \
      org.opencontainers.image.description="A REST service that removes noise from images with a convolutional network." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="$REVISION"
